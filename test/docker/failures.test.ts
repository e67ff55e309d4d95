import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import type { Refusal } from "../../server/errors.ts";
import { hostUser } from "../../server/platforms/docker/argv.ts";
import { dockerExecutor } from "../../server/platforms/docker/executor.ts";
import type { JobSpec } from "../../server/run/job.ts";
import { requireJobs } from "../../server/stages/shared/evidence.ts";
import { refusalOf } from "../support/refusal.ts";
import { ciDaemon, type Desk, docker, dockerEnvironment, main, openDesk, until } from "./support/desk.ts";
import { seenOf } from "./support/seen.ts";

let desk: Desk;
let folder: string;
beforeAll(async () => {
  desk = await openDesk();
  folder = await mkdtemp(join(tmpdir(), "deft-failures-"));
});
afterAll(async () => {
  await desk?.close();
  await rm(folder, { recursive: true, force: true });
});

const seen = (refusal: Refusal) => seenOf(refusal, { WS: desk.workspace, TMP: folder });

let jobs = 0;
/** Runs a program of these lines to its end and says what the stage would tell of it. */
async function told(
  lines: readonly string[],
  change: Partial<JobSpec> = {},
  meanwhile?: (id: string) => Promise<unknown>,
) {
  const id = `iter1-train-${++jobs}-train`;
  const spec = desk.job(id, ["node", await desk.program(`${id}.mjs`, lines)], change);
  const record = await desk.start(spec);
  await meanwhile?.(String(record.handle?.container_id));
  const exit = await desk.end(record);
  return refusalOf(() => requireJobs([spec], [{ spec, exit }], { marker: true }));
}

const forever = ["setInterval(() => {}, 1000);"];
const executorIn = (env: NodeJS.ProcessEnv) => dockerExecutor({ main, env, user: hostUser() });

describe("what a person sees when starting fails", () => {
  it("docker is not installed", async () => {
    const availability = await executorIn({ PATH: folder }).availability({});
    expect(availability).toEqual({
      available: false,
      detail: "The docker command is not installed: install Docker, or correct PATH.",
    });
  });

  it("the daemon is down", async () => {
    const executor = executorIn(dockerEnvironment(`unix://${folder}/no.sock`));
    expect(await executor.availability({})).toEqual({
      available: false,
      detail: "The Docker daemon does not answer: start it, or correct DOCKER_HOST.",
    });
  });

  it("the socket is denied to this user", async () => {
    const bin = join(folder, "denied");
    await mkdir(bin);
    const real = (await execa("sh", ["-c", "command -v docker"])).stdout;
    await writeFile(join(bin, "docker"), `#!/bin/sh\nexec setpriv --reuid 65534 --clear-groups ${real} "$@"\n`);
    await chmod(join(bin, "docker"), 0o755);
    const executor = executorIn({ ...desk.env, PATH: `${bin}:${process.env.PATH}` });
    expect((await executor.availability({})).detail).toMatch(/^This user may not use the Docker socket/);
  });

  it("a mount source is missing", async () => {
    const gone = join(desk.workspace, "gone");
    const spec = desk.job("iter1-train-90-train", ["node"], {
      mounts: [{ source: gone, target: gone, readonly: true }],
    });
    expect(seen(await refusalOf(() => desk.start(spec)))).toMatchInlineSnapshot(`
"executor.mount-missing: WS/gone does not exist.
Next: Create or stage the named directory or file, then repeat the call."
`);
  });

  it.each(["/data/my boards", "/data/$boards"])("the path %s would break the entry point", async (path) => {
    const spec = desk.job("iter1-train-91-train", ["node"], {
      mounts: [{ source: path, target: path, readonly: true }],
    });
    expect((await refusalOf(() => desk.start(spec))).code).toBe("executor.bad-path");
    expect(await docker(desk.env, "ps", "-aq", "--filter", "label=deft-mcp.job=iter1-train-91-train")).toBe("");
  });

  it("a stranger's container has the name, or carries the labels", async () => {
    const spec = desk.job("iter1-train-92-train", ["node"]);
    const { containerName } = await import("../../server/platforms/docker/argv.ts");
    const name = containerName(desk.runDir, spec.id);
    await docker(desk.env, "create", "--name", name, desk.image, "node");
    expect(seen(await refusalOf(() => desk.start(spec)))).toMatchInlineSnapshot(`
"executor.name-taken: Another container has the name of this job.
Next: Remove or rename the container that the facts name; it is not ours."
`);
    await docker(desk.env, "rm", name);
    const labels = ["--label", `deft-mcp.run=${desk.runDir}`, "--label", `deft-mcp.job=${spec.id}`];
    const other = await docker(desk.env, "create", ...labels, desk.image, "node");
    expect((await refusalOf(() => desk.start(spec))).message).toBe("Another container carries the labels of this job.");
    await docker(desk.env, "rm", other);
  });

  it("the image lacks the program, and nothing of the attempt is left behind", async () => {
    const spec = desk.job("iter1-train-93-train", ["visual_changenot", "train"]);
    expect(seen(await refusalOf(() => desk.start(spec)))).toMatchInlineSnapshot(`
"executor.bad-image: Starting iter1-train-93-train failed: the image lacks the program.
Next: Check the image reference: the image lacks the program that the facts name."
`);
    expect(await docker(desk.env, "ps", "-aq", "--filter", "label=deft-mcp.job=iter1-train-93-train")).toBe("");
  });

  it("the host has no NVIDIA runtime", async () => {
    const dir = await mkdtemp(join(tmpdir(), "deft-daemon-"));
    try {
      const { stdout: host } = await execa(ciDaemon, ["start", dir], { env: { DEFT_TEST_NO_GPU_HOOK: "1" } });
      const without = await openDesk(host);
      const spec = without.job("iter1-train-94-train", ["node"]);
      expect(seen(await refusalOf(() => without.start(spec)))).toMatchInlineSnapshot(`
"executor.gpu-unavailable: Starting iter1-train-94-train failed: Docker has no NVIDIA runtime: install the NVIDIA container toolkit and restart Docker.
Next: Free or repair the GPU, or choose another platform."
`);
      await without.close();
    } finally {
      await execa(ciDaemon, ["stop", dir]);
    }
  });
});

describe("what a person sees when a job fails", () => {
  it("it ends with a failure that is known", async () => {
    const refusal = await told(['console.error("torch.OutOfMemoryError: CUDA out of memory."); process.exit(1);']);
    expect(seen(refusal)).toMatchInlineSnapshot(`
"job.gpu-memory: Job iter1-train-1-train ended with exit code 1. Probably the batch does not fit the GPU's memory.
Next: Lower batch_size (16 fits 48 GB, 8 fits 24 GB) or free the GPU."
`);
  });

  it("it ends with a failure that nobody knows: the last lines that say something", async () => {
    const refusal = await told([
      'console.log("=".repeat(40)); console.error("AttributeError: no attribute shape"); console.log("Sending telemetry data.\\nExecution status: FAIL"); process.exit(1);',
    ]);
    expect(seen(refusal)).toMatchInlineSnapshot(`
"stage.failed: Job iter1-train-2-train ended with exit code 1.
Next: Read the log named in the facts, repair the cause, then acknowledge_stop or finish_loop."
`);
    expect(refusal.facts.log_end).toEqual(["AttributeError: no attribute shape"]);
  });

  it("it says FAIL and exits 0", async () => {
    expect(seen(await told(['console.log("Execution status: FAIL");']))).toMatchInlineSnapshot(`
"stage.failed: The log of job iter1-train-3-train says FAIL although it exited 0.
Next: Read the log named in the facts, repair the cause, then acknowledge_stop or finish_loop."
`);
  });

  it("it exits 0 and says nothing", async () => {
    expect(seen(await told(['console.log("hello");']))).toMatchInlineSnapshot(`
"stage.evidence-missing: The log of job iter1-train-4-train holds no PASS marker.
Next: Look at the named artifact; a stage counts only with its evidence on disk."
`);
  });

  it("it writes where it may only read", async () => {
    const inputs = await mkdtemp(join(tmpdir(), "deft-inputs-"));
    const mounts = [
      { source: desk.workspace, target: desk.workspace, readonly: false },
      { source: inputs, target: inputs, readonly: true },
    ];
    const lines = [`import { writeFileSync } from "node:fs"; writeFileSync("${inputs}/x", "");`];
    expect((await told(lines, { mounts })).code).toBe("job.permission");
    await rm(inputs, { recursive: true });
  });

  it("it is killed for memory", async () => {
    const gate = desk.gate("memory-bounded");
    const lines = [gate.wait, "const held = []; for (;;) held.push(Buffer.alloc(1 << 24, 1));"];
    const refusal = await told(lines, {}, async (id) => {
      await docker(desk.env, "update", "--memory", "96m", "--memory-swap", "96m", id);
      await gate.open();
    });
    expect(seen(refusal)).toMatchInlineSnapshot(`
"job.host-memory: Job iter1-train-6-train ended as oom.
Next: Free host memory, or lower dataset.classify.workers and batch_size."
`);
    expect(refusal.facts.outcome).toBe("oom");
  });

  it("somebody removes its container", async () => {
    expect(seen(await told(forever, {}, (id) => docker(desk.env, "rm", "-f", id)))).toMatchInlineSnapshot(`
"executor.lost-job: Job iter1-train-7-train ended as lost.
Next: The job left no exit record; check the host, then acknowledge_stop to run the stage again."
`);
  });

  it("somebody kills its container", async () => {
    const refusal = await told(forever, {}, (id) => docker(desk.env, "kill", id));
    expect(seen(refusal)).toMatchInlineSnapshot(`
"stage.failed: Job iter1-train-8-train ended as killed.
Next: Read the log named in the facts, repair the cause, then acknowledge_stop or finish_loop."
`);
    expect(refusal.facts.detail).toMatch(/stopped from outside/);
  });

  it("it passes its time limit while no server asks for it", async () => {
    const refusal = await told(
      ['process.on("SIGTERM", () => process.exit(3)); setInterval(() => {}, 1000);'],
      { time_limit_sec: 1 },
      (id) => until("its end", async () => (await docker(desk.env, "ps", "-q", "--filter", `id=${id}`)) === ""),
    );
    expect(seen(refusal)).toMatchInlineSnapshot(`
"executor.timeout: Job iter1-train-9-train ended as timeout.
Next: The stage passed its time limit; raise it in a revised plan, then acknowledge_stop."
`);
  });

  it("a human cancels it, and it does not listen", async () => {
    const id = `iter1-train-${++jobs}-train`;
    const spec = desk.job(id, [
      "node",
      await desk.program("deaf.mjs", ['process.on("SIGTERM", () => {});', ...forever]),
    ]);
    const record = await desk.start(spec);
    await desk.executor.cancel(desk.runDir, record, 1);
    const exit = await desk.end(record);
    expect(exit).toMatchObject({ outcome: "cancelled", exit_code: 137 });
    expect(seen(await refusalOf(() => requireJobs([spec], [{ spec, exit }], { marker: true })))).toMatchInlineSnapshot(`
"executor.cancelled: Job iter1-train-10-train ended as cancelled.
Next: The job was cancelled; acknowledge_stop to run the stage again, or finish_loop."
`);
  });

  it("the disk of its log is full: nothing is collected and nothing is lost until there is space again", async () => {
    const tiny = join(desk.workspace, "tiny");
    await mkdir(tiny);
    await execa("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", tiny]);
    try {
      const program = await desk.program("wide.mjs", [
        'for (let n = 1; n <= 500; n++) console.log("line " + n + " ".repeat(400));',
      ]);
      const spec = desk.job("iter1-train-95-train", ["node", program], { log_path: join(tiny, "train.log") });
      const record = await desk.start(spec);
      const refusal = await refusalOf(() => desk.end(record));
      expect(seen(refusal)).toMatchInlineSnapshot(`
"input.write-failed: Cannot write WS/tiny/train.log: ENOSPC.
Next: Free disk space or repair the permissions of the named directory, then repeat the call."
`);
      await execa("mount", ["-o", "remount,size=4m", tiny]);
      expect((await desk.end(record)).exit_code).toBe(0);
      const lines = (await readFile(spec.log_path, "utf8")).trimEnd().split("\n");
      expect(lines.map((line) => line.trim())).toEqual(Array.from({ length: 500 }, (_, at) => `line ${at + 1}`));
    } finally {
      await execa("umount", [tiny]);
    }
  });

  it("the disk of the workspace is full: the job says so", async () => {
    const tiny = join(desk.workspace, "tiny-out");
    await mkdir(tiny);
    await execa("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", tiny]);
    try {
      const mounts = [desk.workspace, tiny].map((path) => ({ source: path, target: path, readonly: false }));
      const text = `import { writeFileSync } from "node:fs";
writeFileSync("${tiny}/model.pth", Buffer.alloc(1 << 20));`;
      expect(seen(await told([text], { mounts }))).toMatchInlineSnapshot(`
"job.disk-full: Job iter1-train-11-train ended with exit code 1. Probably the file system that the job writes to is full.
Next: Free space on the file system of the workspace, then acknowledge_stop."
`);
    } finally {
      await execa("umount", [tiny]);
    }
  });
});
