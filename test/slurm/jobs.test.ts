import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { readTrouble } from "../../server/durable/work.ts";
import { changedSince, notedOutput } from "../../server/exec/job-output.ts";
import { shellFiles } from "../../server/platforms/shell-job.ts";
import { readTask } from "../../server/platforms/slurm/record.ts";
import {
  cluster,
  clusterConfiguration,
  type Desk,
  linesOf,
  openDesk,
  slurm,
  stepDaemon,
  until,
} from "./support/desk.ts";

let desk: Desk;

beforeAll(async () => {
  desk = await openDesk();
});
afterAll(() => desk.close());

describe("a job under SLURM", () => {
  it.each([
    ["well", "echo said; echo left > file", { outcome: "exited", exit_code: 0 }],
    ["badly", "exit 7", { outcome: "exited", exit_code: 7 }],
    ["by a signal", "kill -SEGV $$", { outcome: "killed", signal: "SIGSEGV" }],
  ])("that ends %s says so itself", async (how, script, expected) => {
    const spec = desk.job(`ends-${how.replaceAll(" ", "-")}`, script);
    await desk.record(spec);
    expect(await desk.kept(spec)).toMatchObject(expected);
    const note = await notedOutput(`${desk.stem(spec)}.json`);
    expect(note?.unwatched).toBeUndefined();
    expect(note && (await changedSince(note))).toEqual([]);
  });

  it("gets the GPUs that the plan names, and no variable of the server", async () => {
    const own = await openDesk({ settings: { gres: "gpu:1" }, env: { HF_TOKEN: "hf_NotForAnybody", WORLD_SIZE: "4" } });
    const spec = own.job("gpu", 'echo "$CUDA_VISIBLE_DEVICES $SLURM_GPUS_ON_NODE"; env');
    await own.record(spec);
    await own.kept(spec);
    const [first, ...rest] = await linesOf(spec.log_path);
    expect(first).toMatch(/^\d+ 1$/);
    expect(rest.filter((line) => /^(?:WORLD_SIZE|SLURM_NTASKS|HF_TOKEN)=/.test(line))).toEqual([]);
    for (const place of [own.workspace, join(dirname(clusterConfiguration()), "state")]) {
      expect((await execa("grep", ["-rl", "NotForAnybody", place], { reject: false })).stdout).toBe("");
    }
    await own.close();
  });

  it("runs in a workspace of an odd name, with odd arguments", async () => {
    const own = await openDesk({ name: "a b'c\"d 100%j $HOME ü\\x" });
    const odd = ["a b", "q'uo\"te", "$HOME `id`", "", "-n", "new\nline", "%j"];
    const spec = own.job("odd", "");
    const said = { ...spec, argv: ["bash", "-c", 'printf "[%s]" "$@" > "out put"', "odd", ...odd] };
    await own.record(said);
    expect(await own.kept(said)).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect(await readFile(join(spec.workdir, "out put"), "utf8")).toBe(odd.map((one) => `[${one}]`).join(""));
    await own.close();
  });

  it("works once, though it was submitted twice and two servers keep it", async () => {
    const spec = desk.job("twice", "echo once >> count; sleep 1");
    const record = await desk.record(spec);
    const second = desk.executor;
    await Promise.all([desk.executor.start(desk.runDir, spec), second.start(desk.runDir, spec)]);
    await desk.jobId(spec);
    const { name } = (await readTask(desk.stem(spec))) ?? { name: "" };
    const script = join(desk.runDir, "jobs", "slurm-job.sh");
    const again = [desk.stem(spec), spec.workdir, spec.log_path, "0", "", ...spec.argv];
    await slurm("sbatch", "--parsable", "--export=NONE", `--job-name=${name}`, "--output=/dev/null", script, ...again);
    await until("its end", async () => (await second.poll(desk.runDir, record)).state === "ended");
    expect(await linesOf(join(spec.workdir, "count"))).toEqual(["once"]);
    // Whichever of the two was first worked; the other one found its claim.
    const listed = await slurm("squeue", "--noheader", "--states=all", `--name=${name}`, "--format=%i");
    expect(listed.split("\n")).toHaveLength(2);
  });

  it("whose log cannot take a byte is seen through all the same", async () => {
    const spec = desk.job("full-log", "echo much; echo kept > file; exit 3", { log_path: "/dev/full" });
    await desk.record(spec);
    expect(await desk.kept(spec)).toMatchObject({ outcome: "exited", exit_code: 3 });
  });

  it("that passes the plan's time limit is ended by itself", async () => {
    const spec = desk.job("overdue", "sleep 60", { time_limit_sec: 1 });
    await desk.record(spec);
    expect(await desk.kept(spec)).toMatchObject({ outcome: "timeout", exit_code: 143 });
  });
});

describe("a job that somebody ends", () => {
  const program = "trap 'exit 99' TERM; touch up; for i in $(seq 600); do sleep 0.1; done";
  const up = (spec: { workdir: string }) =>
    until("its program", async () => (await readdir(spec.workdir)).includes("up"));

  it("is cancelled where it was this server", async () => {
    const spec = desk.job("cancelled", program);
    const record = await desk.record(spec);
    const kept = desk.kept(spec);
    await up(spec);
    await desk.executor.cancel(desk.runDir, record, 30);
    expect(await kept).toMatchObject({ outcome: "cancelled", exit_code: 99 });
  });

  it("was killed where it was a stranger", async () => {
    const spec = desk.job("stranger", program);
    await desk.record(spec);
    const kept = desk.kept(spec);
    await up(spec);
    await slurm("scancel", await desk.jobId(spec));
    expect(await kept).toMatchObject({ outcome: "killed", detail: "cancelled in SLURM, not by this server" });
  });

  it("ends though its program does not listen", async () => {
    const spec = desk.job("deaf", "trap '' TERM; touch up; for i in $(seq 600); do sleep 0.1; done");
    const record = await desk.record(spec);
    const kept = desk.kept(spec);
    await up(spec);
    await desk.executor.cancel(desk.runDir, record, 30);
    expect((await kept).outcome).toBe("cancelled");
  });

  it("waits with its reason where nothing starts it, and ends when it is cancelled", async () => {
    const own = await openDesk({ settings: { partition: "closed" } });
    const spec = own.job("waits", "true");
    const record = await own.record(spec);
    const kept = own.kept(spec);
    await until("a reason", async () =>
      /PENDING, PartitionDown: .* administrator/.test(
        (await own.executor.progress?.(own.runDir, record))?.message ?? "",
      ),
    );
    await own.executor.cancel(own.runDir, record, 30);
    expect((await kept).outcome).toBe("cancelled");
    await own.close();
  });

  it("never starts when that was before it was submitted", async () => {
    const spec = desk.job("before", "touch ran");
    const record = await desk.record(spec);
    await desk.executor.cancel(desk.runDir, record, 30);
    expect(await desk.kept(spec)).toMatchObject({ outcome: "cancelled", detail: "before it was submitted to SLURM" });
    expect(await readdir(spec.workdir)).toEqual([]);
  });
});

describe("a job that SLURM does not take", () => {
  it.each([
    ["partition", "nowhere", /partition/i],
    ["gres", "gpu:99", /node configuration/i],
  ])("for its %s is refused in SLURM's own words, and nothing is left of it", async (key, value, words) => {
    const own = await openDesk({ settings: { [key]: value } });
    const spec = own.job("refused", "true");
    const record = await own.record(spec);
    await own.executor.start(own.runDir, spec);
    await until("its trouble", async () => (await readTrouble(own.stem(spec))) !== undefined);
    const refusal = await own.executor.poll(own.runDir, record).catch((error) => error);
    expect(refusal).toMatchObject({ code: "executor.refused-submit", facts: { said: expect.stringMatching(words) } });
    expect(await readTask(own.stem(spec))).toBeUndefined();
    await own.close();
  });
});

describe("a cluster with trouble", () => {
  it("whose controller is away is waited for: nothing is lost, and what ends meanwhile is known", async () => {
    const spec = desk.job("through", "touch up; while [ ! -e go ]; do sleep 0.1; done; echo done > file");
    const record = await desk.record(spec);
    const kept = desk.kept(spec);
    await until("its program", async () => (await readdir(spec.workdir)).includes("up"));
    // A controller that dies before it saved a job gives the next one the same number, and the node drains.
    const begun = (await stat(join(spec.workdir, "up"))).mtimeMs;
    const saved = join(dirname(clusterConfiguration()), "state", "job_state");
    await until("that the controller saved it", async () => (await stat(saved)).mtimeMs > begun);
    await cluster("kill", "slurmctld");
    try {
      await until("that it is told", async () =>
        /unknown: the controller/.test((await desk.executor.progress?.(desk.runDir, record))?.message ?? ""),
      );
      await writeFile(join(spec.workdir, "go"), "");
      expect(await kept).toMatchObject({ outcome: "exited", exit_code: 0 });
      const late = desk.job("late", "echo once >> count");
      await desk.record(late);
      await expect(desk.kept(late)).rejects.toMatchObject({ code: "executor.unavailable" });
      await cluster("raise", "slurmctld");
      expect(await desk.kept(late)).toMatchObject({ outcome: "exited", exit_code: 0 });
      expect(await linesOf(join(late.workdir, "count"))).toEqual(["once"]);
    } finally {
      await cluster("raise", "slurmctld").catch(() => undefined);
    }
  });

  it("whose step daemon died says RUNNING for ever, and the job's own word counts", async () => {
    const spec = desk.job("orphan", "touch up; sleep 2; echo done > file");
    await desk.record(spec);
    const kept = desk.kept(spec);
    await until("its program", async () => (await readdir(spec.workdir)).includes("up"));
    const id = await desk.jobId(spec);
    process.kill(await stepDaemon(id), "SIGKILL");
    expect(await kept).toMatchObject({ outcome: "exited", exit_code: 0 });
    await slurm("scancel", id);
  });

  it("that lost the node of a job lost the job", async () => {
    const spec = desk.job("node", "echo $$ > pid; sleep 300");
    await desk.record(spec);
    const kept = desk.kept(spec);
    await until("its program", async () => (await readdir(spec.workdir)).includes("pid"));
    const id = await desk.jobId(spec);
    await cluster("kill", "slurmd");
    try {
      process.kill(await stepDaemon(id), "SIGKILL");
      const { pid } = JSON.parse(await readFile(shellFiles(desk.stem(spec)).claim, "utf8"));
      process.kill(pid, "SIGKILL");
      process.kill(-Number((await linesOf(join(spec.workdir, "pid")))[0]), "SIGKILL");
      expect(await kept).toMatchObject({ outcome: "lost", detail: "its node was lost" });
    } finally {
      await cluster("raise", "slurmd");
    }
  });
});
