import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { type Desk, linesOf, main, openDesk, slurm, slurmEnvironment, until } from "./support/desk.ts";

let folder: string;
let env: NodeJS.ProcessEnv;
/** Jobs that take SLURM a minute or two, begun before all others so that nobody waits for them. */
let slow: { desk: Desk; overdue: Promise<unknown>; forgotten: Promise<unknown> };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deft-slurm-loop-"));
  env = slurmEnvironment({ XDG_STATE_HOME: join(folder, "state"), XDG_CACHE_HOME: join(folder, "cache") });
  await execa(process.execPath, [main, "init", join(folder, "boards"), "--example", "--tiny", "--seed", "1"]);
  slow = await beginSlow();
});
afterAll(async () => {
  await slow?.desk.close();
  await rm(folder, { recursive: true, force: true });
});

async function beginSlow() {
  const desk = await openDesk({ settings: { partition: "brief", time: "1" } });
  const overdue = desk.job("overdue", "trap 'exit 99' TERM; for i in $(seq 3000); do sleep 0.1; done");
  await desk.record(overdue);
  const forgotten = desk.job("forgotten", "echo once >> count; exit 5");
  await desk.record(forgotten);
  return { desk, overdue: desk.kept(overdue).catch((error) => error), forgotten: forget(desk, forgotten) };
}

/** Submits a job, ends its keeper, and has it looked for only when SLURM knows it no more. */
async function forget(desk: Desk, spec: ReturnType<Desk["job"]>) {
  const keeper = execa(process.execPath, [main, "keep", "slurm", desk.stem(spec)], { env: desk.env, reject: false });
  const id = await desk.jobId(spec);
  keeper.kill("SIGKILL");
  await keeper;
  const known = async () =>
    (await slurm("squeue", "--noheader", "--states=all", `--jobs=${id}`).catch(() => "")) !== "";
  await until("that SLURM forgets it", async () => !(await known()), 240);
  return await desk.kept(spec);
}

type Figures = { run_dir: string; iterations: unknown[]; best: unknown; status: string };

async function demo(platform: string, more: readonly string[] = []): Promise<Figures> {
  const place = join(folder, platform);
  await cp(join(folder, "boards"), place, { recursive: true });
  const args = ["demo", "--workspace", place, "--platform", platform, "--max-iterations", "1", "--json", ...more];
  return JSON.parse((await execa(process.execPath, [main, ...args], { env, extendEnv: false })).stdout);
}

describe("the whole loop on SLURM", () => {
  it("gives the figures of the embedded engine, to the last digit", async () => {
    const embedded = await demo("embedded");
    const there = await demo("slurm", ["--set", "program=engine", "--set", "gres=gpu:1"]);
    expect(there).toMatchObject({ status: "complete", iterations: embedded.iterations, best: embedded.best });
    for (const iteration of ["baseline", "iter1"]) {
      const csv = (run: string) => readFile(join(run, iteration, "inference", "best_val", "inference.csv"), "utf8");
      expect(await csv(there.run_dir)).toBe(await csv(embedded.run_dir));
    }
    const state = JSON.parse(await readFile(join(there.run_dir, "deft_state.json"), "utf8"));
    expect(state.config.engine).toMatch(/rehearsal of slurm/);
    expect(state.plan.platform_settings).toMatchObject({ gres: { value: "gpu:1", source: "user" } });
    const probe = await readFile(join(there.run_dir, "jobs", "probe", "probe.log"), "utf8");
    expect(probe).toMatch(/^gpus=1$/m);
    const ended = (await readdir(join(there.run_dir, "jobs"))).filter((name) => name.endsWith(".ended"));
    expect(ended.length).toBeGreaterThan(8);
  });
});

describe("doctor", () => {
  it.each([
    [["partition=nowhere"], /SLURM has no partition nowhere/],
    [["partition=closed"], /closed takes no jobs now/],
    [["partition=gone"], /gone has no node/],
    [["partition=brief", "time=5"], /time 5 is beyond the limit 1:00/],
    [["gres=gpu:9"], /node configuration is not available/],
    [["program=tao"], /nothing says where TAO is/],
    [["program=tao", "container=nvcr.io#nvidia/tao:7.3"], /no pyxis/],
  ])("with %j says what is wrong in the cluster's own words", async (settings, words) => {
    const given = ["program=engine", ...settings].flatMap((one) => ["--set", one]);
    const argv = [main, "doctor", "--workspace", join(folder, "boards"), "--platform", "slurm", ...given, "--json"];
    const { stdout, exitCode } = await execa(process.execPath, argv, { env, extendEnv: false, reject: false });
    expect(exitCode).not.toBe(0);
    const { checks } = JSON.parse(stdout);
    expect(checks.find(({ outcome }: { outcome: string }) => outcome === "halt")?.detail).toMatch(words);
  });
});

describe("the probe of a run", () => {
  const probed = async (desk: Desk) => {
    let now = await desk.executor.makeReady?.(desk.runDir);
    await until("the probe", async () => {
      now = await desk.executor.makeReady?.(desk.runDir);
      return now?.state === "ready";
    });
    return now;
  };

  it("proves path, clock and programs on a node, once", async () => {
    const venv = join(folder, "venv");
    await execa("mkdir", ["-p", join(venv, "bin")]);
    await writeFile(join(venv, "bin", "visual_changenet"), "#!/bin/sh\n", { mode: 0o755 });
    const desk = await openDesk({ settings: { venv, gres: "gpu:2" } });
    const ready = await probed(desk);
    expect(ready?.cleared).toEqual([expect.stringMatching(/^shared path, clock and programs proved on /)]);
    expect(await probed(desk)).toEqual(ready);
    expect(await linesOf(join(desk.runDir, "jobs", "probe", "probe.log"))).toContain("gpus=2");
    await desk.close();
  });

  it("names the program that a node lacks, and looks again in the next call", async () => {
    const venv = join(folder, "empty");
    await execa("mkdir", ["-p", join(venv, "bin")]);
    const desk = await openDesk({ settings: { venv } });
    await expect(probed(desk)).rejects.toMatchObject({
      code: "executor.not-ready",
      message: expect.stringMatching(/cannot start visual_changenet/),
    });
    await writeFile(join(venv, "bin", "visual_changenet"), "#!/bin/sh\n", { mode: 0o755 });
    expect((await probed(desk))?.state).toBe("ready");
    await desk.close();
  });
});

describe("what takes SLURM a while", () => {
  it("a job at its time limit is told from a cancel", async () => {
    expect(await slow.overdue).toMatchObject({ outcome: "timeout", exit_code: 99 });
  });

  it("a job that SLURM has forgotten is known by its own word", async () => {
    expect(await slow.forgotten).toMatchObject({ outcome: "exited", exit_code: 5 });
    expect(await linesOf(join(slow.desk.runDir, "forgotten", "count"))).toEqual(["once"]);
  });
});
