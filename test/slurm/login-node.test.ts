import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readTask } from "../../server/platforms/slurm/record.ts";
import { type Sshd, startSshd } from "../support/sshd.ts";
import { clusterConfiguration, type Desk, linesOf, openDesk, slurm, until } from "./support/desk.ts";

let sshd: Sshd;
let desk: Desk;

/** What a server without SLURM's own configuration has: the way to the login node is all that it knows. */
const away = (more: Record<string, string> = {}) => ({ SLURM_CONF: "/nowhere", PATH: sshd.path, ...more });

beforeAll(async () => {
  sshd = await startSshd({ setEnv: `SLURM_CONF=${clusterConfiguration()}` });
  desk = await openDesk({ settings: { host: "login" }, env: away(), name: "a b'c$HOME" });
});
afterAll(async () => {
  await desk?.close();
  await sshd?.close();
});

const detailOf = async (one: Desk) => {
  const { available, detail } = await one.executor.availability({ program: "tao", venv: "/usr", host: "login" });
  return [available, detail];
};

describe("a login node behind ssh", () => {
  it("is asked for the cluster, whose answer a plan shows", async () => {
    expect((await detailOf(desk))[0]).toBe(true);
  });

  it("runs a job in a workspace of an odd name, whose log and end come home", async () => {
    const spec = desk.job("far", "");
    const said = { ...spec, argv: ["bash", "-c", 'echo "$0 said"; echo "$SLURM_CONF" > seen', "it's $HOME"] };
    await desk.record(said);
    expect(await desk.kept(said)).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect(await linesOf(said.log_path)).toEqual(["it's $HOME said"]);
    expect(await readFile(join(spec.workdir, "seen"), "utf8")).not.toContain("/nowhere");
  });

  it("cancels a job", async () => {
    const spec = desk.job("far-cancelled", "sleep 100");
    const record = await desk.record(spec);
    const kept = desk.kept(spec);
    await desk.jobId(spec);
    await desk.executor.cancel(desk.runDir, record, 30);
    expect((await kept).outcome).toBe("cancelled");
  });

  it("that goes away while a job runs leaves it neither lost nor started twice", async () => {
    const spec = desk.job("far-alone", "echo once >> count; while [ ! -e go ]; do sleep 0.1; done");
    await desk.record(spec);
    const kept = desk.kept(spec);
    await until("its program", async () => (await linesOf(join(spec.workdir, "count"))).length > 0);
    await sshd.stop();
    await writeFile(join(spec.workdir, "go"), "");
    const name = (await readTask(desk.stem(spec)))?.name ?? "";
    await until("its end in SLURM", async () => {
      return (await slurm("squeue", "--noheader", "--states=running,pending", `--name=${name}`)) === "";
    });
    await sshd.start();
    expect(await kept).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect(await linesOf(join(spec.workdir, "count"))).toEqual(["once"]);
  });
});

describe("a login node that cannot be used says why", () => {
  it.each<[string, () => Promise<void>, () => Promise<void>, RegExp]>([
    [
      "its key is refused",
      async () => writeFile(join(sshd.folder, "authorized"), ""),
      async () => writeFile(join(sshd.folder, "authorized"), await readFile(join(sshd.folder, "user.pub"))),
      /refuses this key/,
    ],
    [
      "its host key is another",
      async () => writeFile(join(sshd.folder, "known"), `[127.0.0.1]:${sshd.port} ${await keyOf("user")}`),
      async () => writeFile(join(sshd.folder, "known"), `[127.0.0.1]:${sshd.port} ${await keyOf("host")}`),
      /host key is not known/,
    ],
    ["it is down", () => sshd.stop(), () => sshd.start(), /login node does not answer/],
  ])("when %s", async (_, spoil, mend, words) => {
    await spoil();
    const told = await detailOf(desk);
    await mend();
    expect(told).toEqual([false, expect.stringMatching(words)]);
  });
});

const keyOf = (name: string) => readFile(join(sshd.folder, `${name}.pub`), "utf8");
