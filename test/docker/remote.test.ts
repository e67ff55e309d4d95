import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { hostUser } from "../../server/platforms/docker/argv.ts";
import { dockerExecutor } from "../../server/platforms/docker/executor.ts";
import { sshHost } from "../../server/platforms/docker/over-ssh.ts";
import { refusalOf } from "../support/refusal.ts";
import { type Sshd, startSshd } from "../support/sshd.ts";
import { daemonHost, dockerEnvironment, main, openDesk, until } from "./support/desk.ts";

let sshd: Sshd;
const hidden = () => join(sshd.folder, "hidden");

/** An sshd in front of the daemon of this suite; where it looks, one folder is empty. */
beforeAll(async () => {
  const hide = (folder: string) => {
    const path = join(folder, "hidden");
    return `mkdir '${path}' && mount --make-rprivate / && mount -t tmpfs none '${path}'`;
  };
  sshd = await startSshd({ setEnv: `DOCKER_HOST=${daemonHost()}`, first: hide });
  await writeFile(join(hidden(), "spec.yaml"), "task: classify\n");
});

afterAll(() => sshd?.close());

const endpoint = () => `ssh://root@127.0.0.1:${sshd.port}`;
/** Variables of a server whose daemon is reached by ssh: the `ssh` on its PATH knows the key and the host. */
const variables = () => ({ PATH: sshd.path });
const remote = () => dockerExecutor({ main, env: dockerEnvironment(endpoint(), variables()), user: hostUser() });
const digest = (text: string) => createHash("sha256").update(text).digest("hex");

describe("a Docker daemon behind ssh", () => {
  it("runs a job, whose log and end come home", async () => {
    const desk = await openDesk(endpoint(), variables());
    const path = await desk.program("say.mjs", ["console.log('said far away');"]);
    const record = await desk.start(desk.job("baseline-train-1-train", ["node", path]));
    expect(await desk.end(record)).toMatchObject({ outcome: "exited", exit_code: 0 });
    await until("the log", async () => (await desk.log(record.spec)).includes("said far away"));
    await desk.close();
  });

  it("shows whether its host sees the workspace at the same path", async () => {
    const seen = join(sshd.folder, "spec.yaml");
    await writeFile(seen, "task: classify\n");
    const look = async (path: string, sha256: string) => (await remote().survey?.({ path, sha256 }))?.daemon.sees;
    expect(await look(seen, digest("task: classify\n"))).toMatchObject({ state: "same" });
    expect(await look(seen, digest("task: segment\n"))).toMatchObject({ state: "other" });
    expect(await look(join(hidden(), "spec.yaml"), digest("task: classify\n"))).toEqual({
      state: "absent",
      detail: `127.0.0.1 has no ${hidden()}/spec.yaml`,
    });
    expect(await look("/tmp/a b; touch /tmp/x", digest(""))).toMatchObject({ state: "unknown" });
  });

  it("takes an address apart as Docker does, and none that ssh would read as an option", async () => {
    expect(sshHost("ssh://ubuntu@gpu-1.example:2222")).toEqual({ user: "ubuntu", host: "gpu-1.example", port: "2222" });
    expect(sshHost("unix:///run/docker.sock")).toBeUndefined();
    expect((await refusalOf(() => sshHost("ssh://-oProxyCommand=x"))).code).toBe("executor.unavailable");
  });
});
