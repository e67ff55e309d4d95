import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { hostUser } from "../../server/platforms/docker/argv.ts";
import { dockerExecutor } from "../../server/platforms/docker/executor.ts";
import { sshHost } from "../../server/platforms/docker/over-ssh.ts";
import { refusalOf } from "../support/refusal.ts";
import { daemonHost, dockerEnvironment, main, openDesk, until } from "./support/desk.ts";

let home = "";
let hidden = "";
let endpoint = "";
let stop = () => {};

/** Variables of a server whose daemon is reached by ssh: the `ssh` on its PATH knows the key and the host. */
const variables = () => ({ PATH: `${home}:${process.env.PATH}` });

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** An sshd on the loopback in front of the daemon of this suite; where it looks, one folder is empty. */
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "deft-ssh-"));
  hidden = join(home, "hidden");
  await mkdir(hidden);
  await writeFile(join(hidden, "spec.yaml"), "task: classify\n");
  const port = await freePort();
  for (const name of ["host", "user"]) {
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(home, name)]);
  }
  const { stdout: key } = await execa("cat", [join(home, "user.pub")]);
  const { stdout: hostKey } = await execa("cat", [join(home, "host.pub")]);
  await writeFile(join(home, "authorized"), key);
  await writeFile(join(home, "known"), `[127.0.0.1]:${port} ${hostKey}\n`);
  const config = [
    `IdentityFile ${join(home, "user")}`,
    `UserKnownHostsFile ${join(home, "known")}`,
    "IdentitiesOnly yes",
  ];
  await writeFile(join(home, "config"), `${config.join("\n")}\n`);
  await writeFile(join(home, "ssh"), `#!/bin/sh\nexec /usr/bin/ssh -F '${join(home, "config")}' "$@"\n`);
  await chmod(join(home, "ssh"), 0o755);
  const server = [
    ...[`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${join(home, "host")}`, "StrictModes no", "UsePAM no"],
    ...[`AuthorizedKeysFile ${join(home, "authorized")}`, "PasswordAuthentication no", "PermitRootLogin yes"],
    ...["MaxStartups 100", "MaxSessions 100", `PidFile ${join(home, "pid")}`, `SetEnv DOCKER_HOST=${daemonHost()}`],
  ];
  await writeFile(join(home, "sshd_config"), `${server.join("\n")}\n`);
  await mkdir("/run/sshd", { recursive: true });
  const mounts = `mount --make-rprivate / && mount -t tmpfs none '${hidden}'`;
  const sshd = `exec /usr/sbin/sshd -D -e -f '${join(home, "sshd_config")}'`;
  const child = spawn("unshare", ["-m", "sh", "-c", `${mounts} && ${sshd}`], { stdio: "ignore" });
  stop = () => child.kill();
  endpoint = `ssh://root@127.0.0.1:${port}`;
  await until("sshd", async () => {
    const args = ["-o", "BatchMode=yes", "-p", String(port), "root@127.0.0.1", "true"];
    return (await execa(join(home, "ssh"), args, { reject: false })).exitCode === 0;
  });
}, 120_000);

afterAll(async () => {
  stop();
  await rm(home, { recursive: true, force: true });
});

const remote = () => dockerExecutor({ main, env: dockerEnvironment(endpoint, variables()), user: hostUser() });
const digest = (text: string) => createHash("sha256").update(text).digest("hex");

describe("a Docker daemon behind ssh", () => {
  it("runs a job, whose log and end come home", async () => {
    const desk = await openDesk(endpoint, variables());
    const path = await desk.program("say.mjs", ["console.log('said far away');"]);
    const record = await desk.start(desk.job("baseline-train-1-train", ["node", path]));
    expect(await desk.end(record, 120)).toMatchObject({ outcome: "exited", exit_code: 0 });
    await until("the log", async () => (await desk.log(record.spec)).includes("said far away"));
    await desk.close();
  }, 300_000);

  it("shows whether its host sees the workspace at the same path", async () => {
    const seen = join(home, "spec.yaml");
    await writeFile(seen, "task: classify\n");
    const look = async (path: string, sha256: string) => (await remote().survey?.({ path, sha256 }))?.daemon.sees;
    expect(await look(seen, digest("task: classify\n"))).toMatchObject({ state: "same" });
    expect(await look(seen, digest("task: segment\n"))).toMatchObject({ state: "other" });
    expect(await look(join(hidden, "spec.yaml"), digest("task: classify\n"))).toEqual({
      state: "absent",
      detail: `127.0.0.1 has no ${hidden}/spec.yaml`,
    });
    expect(await look("/tmp/a b; touch /tmp/x", digest(""))).toMatchObject({ state: "unknown" });
  }, 120_000);

  it("takes an address apart as Docker does, and none that ssh would read as an option", async () => {
    expect(sshHost("ssh://ubuntu@gpu-1.example:2222")).toEqual({ user: "ubuntu", host: "gpu-1.example", port: "2222" });
    expect(sshHost("unix:///run/docker.sock")).toBeUndefined();
    expect((await refusalOf(() => sshHost("ssh://-oProxyCommand=x"))).code).toBe("executor.unavailable");
  });
});
