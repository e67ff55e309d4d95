import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";

/** An sshd on the loopback, and an `ssh` that knows its host key and how to log in. */
export type Sshd = {
  readonly folder: string;
  readonly port: number;
  /** A search path on which that `ssh` comes first. The alias of the host is `login`. */
  readonly path: string;
  /** Starts the daemon again. */
  start(): Promise<void>;
  /** Ends the daemon and every session that it has. */
  stop(): Promise<void>;
  close(): Promise<void>;
};

export type SshdWish = {
  /** `NAME=value` that every session gets. */
  readonly setEnv: string;
  /** What the shell that becomes the daemon does first, in mounts of its own, told the folder. */
  readonly first?: (folder: string) => string;
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

export async function startSshd({ setEnv, first }: SshdWish): Promise<Sshd> {
  const folder = await mkdtemp(join(tmpdir(), "deft-ssh-"));
  const port = await freePort();
  const file = (name: string) => join(folder, name);
  for (const name of ["host", "user"]) {
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file(name)]);
  }
  await writeFile(file("authorized"), await readFile(file("user.pub")));
  await writeFile(file("known"), `[127.0.0.1]:${port} ${await readFile(file("host.pub"), "utf8")}`);
  const client = [`IdentityFile ${file("user")}`, `UserKnownHostsFile ${file("known")}`, "IdentitiesOnly yes"];
  const alias = ["Host login", "HostName 127.0.0.1", `Port ${port}`, "User root"];
  await writeFile(file("config"), `${[...client, ...alias].join("\n")}\n`);
  await writeFile(file("ssh"), `#!/bin/sh\nexec /usr/bin/ssh -F '${file("config")}' "$@"\n`);
  await chmod(file("ssh"), 0o755);
  const server = [
    ...[`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${file("host")}`, "StrictModes no", "UsePAM no"],
    ...[`AuthorizedKeysFile ${file("authorized")}`, "PasswordAuthentication no", "PermitRootLogin yes"],
    ...["MaxStartups 100", "MaxSessions 100", `PidFile ${file("pid")}`, `SetEnv ${setEnv}`],
  ];
  await writeFile(file("sshd_config"), `${server.join("\n")}\n`);
  await mkdir("/run/sshd", { recursive: true });
  const daemon = `exec /usr/sbin/sshd -D -e -f '${file("sshd_config")}'`;
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    child = spawn("unshare", ["-m", "sh", "-c", first ? `${first(folder)} && ${daemon}` : daemon], { stdio: "ignore" });
    for (;;) {
      const tried = await execa(file("ssh"), ["-o", "BatchMode=yes", "login", "true"], { reject: false });
      if (tried.exitCode === 0) return;
      if (child.exitCode !== null) throw new Error(`sshd did not start: ${tried.stderr}`);
      await sleep(100);
    }
  }
  async function stop(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    // Sessions are its children; without this they outlive it.
    await execa("pkill", ["-KILL", "-P", String(child.pid)], { reject: false });
    child.kill();
    await gone;
  }
  await start();
  return {
    folder,
    port,
    path: `${folder}:${process.env.PATH}`,
    start,
    stop,
    async close() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
