import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { isAlive, ownerIn } from "../../server/exec/identity.ts";
import { notedOutput } from "../../server/exec/job-output.ts";
import { dockerExecutor } from "../../server/platforms/docker/executor.ts";
import { counted, counting, type Desk, docker, main, openDesk, until } from "./support/desk.ts";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk(undefined, { HF_TOKEN: "hf_NotForAnybody", NGC_KEY: "nvapi-NotForAnybody" });
});
afterAll(() => desk?.close());

/** Kills the keeper of a job and waits until it is gone: what it would have written it does not write afterwards. */
async function killKeeper(jobId: string): Promise<void> {
  const keeper = ownerIn(await readFile(join(desk.runDir, "jobs", `${jobId}.claim`), "utf8"));
  if (keeper === undefined) throw new Error(`the claim of ${jobId} names no keeper`);
  process.kill(keeper.pid, "SIGKILL");
  await until("the keeper's end", async () => !(await isAlive(keeper)));
}

describe("a job in a container", () => {
  it("runs to its end; its output is in the log, its times are the daemon's, and it is removed after collection", async () => {
    const spec = desk.job("baseline-train-1-train", ["node", await desk.program("count.mjs", [counting(5)])]);
    const record = await desk.start(spec);
    const exit = await desk.end(record);
    expect(exit).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect(Date.parse(exit.ended_at ?? "")).toBeGreaterThanOrEqual(Date.parse(exit.started_at ?? ""));
    expect(await desk.log(spec)).toBe(counted(5));
    expect(await docker(desk.env, "ps", "-aq", "--filter", "label=deft-mcp.job=baseline-train-1-train")).not.toBe("");
    await desk.executor.discard?.(desk.runDir, record);
    expect(await docker(desk.env, "ps", "-aq", "--filter", "label=deft-mcp.job=baseline-train-1-train")).toBe("");
  });

  it("is found again by a server that died before it could record the container, and is not started twice", async () => {
    const gate = desk.gate("asked-twice");
    const program = await desk.program("twice.mjs", [counting(10), gate.wait, counting(20, 11)]);
    const spec = desk.job("baseline-train-2-train", ["node", program]);
    const first = await desk.start(spec);
    const again = await desk.executor.start(desk.runDir, spec);
    await gate.open();
    expect(again.container_id).toBe(first.handle?.container_id);
    expect((await desk.end(first)).exit_code).toBe(0);
    expect(await desk.log(spec)).toBe(counted(20));
  });

  it("goes on logging while no server runs, and a killed keeper's successor neither doubles nor loses a line", async () => {
    const [unwatched, watched] = [desk.gate("keeper-killed"), desk.gate("line-left")];
    const program = [counting(30), unwatched.wait, counting(90, 31), watched.wait, counting(200, 91)];
    const spec = desk.job("iter1-train-1-train", ["node", await desk.program("long.mjs", program)]);
    const record = await desk.start(spec);
    await until("the first lines", async () => (await desk.log(spec).catch(() => "")).includes("line 30\n"));
    await killKeeper(spec.id);
    await unwatched.open();
    // Whatever a crash leaves after the last noted line is not trusted.
    await writeFile(spec.log_path, "line 3", { flag: "a" });
    await watched.open();
    expect((await desk.end(record)).exit_code).toBe(0);
    expect(await desk.log(spec)).toBe(counted(200));
  });

  it("keeps an hour of CR progress and words on stderr byte for byte", async () => {
    const bar = 'const bar = "Epoch 1: 50%|#####     | 5/10 [00:01<00:01]\\r".repeat(2000);';
    const program = await desk.program("bars.mjs", [
      `${bar} process.stdout.write(bar); process.stderr.write("done"); `,
    ]);
    const spec = desk.job("iter1-train-2-train", ["node", program]);
    await desk.end(await desk.start(spec));
    const log = await desk.log(spec);
    expect(log.replace("done", "")).toBe("Epoch 1: 50%|#####     | 5/10 [00:01<00:01]\r".repeat(2000));
    expect(log).toContain("done");
  });

  it("writes no more than two bounded files however much a program says, and keeps the end of it", async () => {
    const line = "x".repeat(999);
    const text = `const b = ("${line}\\n").repeat(1000); let n = 0;
function more() { while (n++ < 75) if (!process.stdout.write(b)) return process.stdout.once("drain", more); console.log("Execution status: PASS"); } more();`;
    const spec = desk.job("iter1-train-3-train", ["node", await desk.program("flood.mjs", [text])]);
    const exit = await desk.end(await desk.start(spec));
    expect(exit.exit_code).toBe(0);
    expect((await stat(spec.log_path)).size).toBeLessThan(34 << 20);
    expect((await stat(`${spec.log_path}.1`)).size).toBeLessThan(34 << 20);
    expect((await desk.log(spec)).endsWith("Execution status: PASS\n")).toBe(true);
  });

  it("gets a token by its name, and no argv that docker inspect shows holds a secret", async () => {
    const program = await desk.program("token.mjs", ["console.log(process.env.HF_TOKEN.length);"]);
    const spec = desk.job("iter1-train-4-train", ["node", program], { env_names: ["HF_TOKEN"] });
    const record = await desk.start(spec);
    const id = String(record.handle?.container_id);
    const shown = JSON.parse(await docker(desk.env, "inspect", id))[0];
    const { Env: _environment, ...config } = shown.Config;
    const argv = JSON.stringify({ ...shown, Config: config });
    expect(argv).not.toContain("NotForAnybody");
    expect(shown.Config.Env.filter((one: string) => one.includes("nvapi-"))).toEqual([]);
    const seen = await readFile(join(desk.runDir, "jobs", `${spec.id}.json`), "utf8");
    expect(seen).not.toContain("NotForAnybody");
    await desk.end(record);
    expect(await desk.log(spec)).toBe("16\n");
  });

  it("runs confined: no capability, no new privileges, no network", async () => {
    const program = await desk.program("status.mjs", [
      'import { readFileSync } from "node:fs"; const s = readFileSync("/proc/self/status", "utf8");',
      'console.log(/CapBnd:\\s*(\\w+)/.exec(s)[1], /NoNewPrivs:\\s*(\\d)/.exec(s)[1], readFileSync("/proc/net/dev", "utf8").split("\\n").length);',
    ]);
    const spec = desk.job("iter1-train-5-train", ["node", program]);
    await desk.end(await desk.start(spec));
    // Two lines of header, the loopback device, and the end of the file.
    expect(await desk.log(spec)).toBe("0000000000000000 1 4\n");
  });

  it("can write into its run and nowhere else in the workspace", async () => {
    const program = await desk.program("write.mjs", [
      `import { writeFileSync } from "node:fs"; writeFileSync("${desk.runDir}/made", "");`,
      `try { writeFileSync("${desk.workspace}/made", ""); } catch (error) { console.log(error.code); }`,
    ]);
    const spec = desk.job("iter1-train-6-train", ["node", program]);
    await desk.end(await desk.start(spec));
    expect(await desk.log(spec)).toBe("EROFS\n");
    expect((await stat(join(desk.runDir, "made"))).size).toBe(0);
  });

  it("of the data-services image writes as root, and its files are given back to the host user", async () => {
    const user = { uid: 1234, gid: 4321, groups: [] };
    const executor = dockerExecutor({ main, env: desk.env, user });
    const program = await desk.program("own.mjs", [
      'import { writeFileSync } from "node:fs"; writeFileSync("mined", "x");',
    ]);
    const workdir = join(desk.runDir, "mining");
    await mkdir(workdir);
    const spec = desk.job("iter1-data_mining-1-mine", ["node", program], { image: "tao_ds", user: "root", workdir });
    const record = await desk.start(spec, executor);
    await until("the end", async () => (await executor.poll(desk.runDir, record)).state === "ended");
    const owned = await stat(join(workdir, "mined"));
    expect([owned.uid, owned.gid]).toEqual([1234, 4321]);
  });

  it("leaves a note of its files, and whoever finds it ended without a keeper says that nobody was there", async () => {
    const gate = desk.gate("nobody-watches");
    const leave = 'import { writeFileSync } from "node:fs"; writeFileSync("scores.csv", "0.5");';
    const job = async (number: number, lines: readonly string[]) => {
      const workdir = join(desk.runDir, `scores-${number}`);
      await mkdir(workdir);
      const program = await desk.program(`leave-${number}.mjs`, lines);
      return desk.job(`iter4-evaluate-${number}-score`, ["node", program], { workdir });
    };
    const noted = async (id: string) => await notedOutput(join(desk.runDir, "jobs", `${id}.json`));
    const seen = await job(1, [leave]);
    await desk.end(await desk.start(seen));
    expect(await noted(seen.id)).toMatchObject({ files: [{ path: join(seen.workdir, "scores.csv") }] });
    expect((await noted(seen.id))?.unwatched).toBeUndefined();
    const unseen = await job(2, [gate.wait, leave]);
    const record = await desk.start(unseen);
    await killKeeper(unseen.id);
    await gate.open();
    await until(
      "the end",
      async () => !(await docker(desk.env, "ps", "-q")).includes(String(record.handle?.container_id).slice(0, 12)),
    );
    await desk.end(record);
    expect(await noted(unseen.id)).toMatchObject({
      unwatched: true,
      files: [{ path: join(unseen.workdir, "scores.csv") }],
    });
  });

  it("counts as it ended although somebody removed its container before the end was collected", async () => {
    const spec = desk.job("iter5-train-1-train", ["node", await desk.program("gone.mjs", [counting(3)])]);
    const record = await desk.start(spec);
    const exit = () => readFile(join(desk.runDir, "jobs", `${spec.id}.exit`), "utf8").catch(() => "");
    await until("the exit record", async () => (await exit()) !== "");
    await docker(desk.env, "rm", String(record.handle?.container_id));
    expect(await desk.end(record)).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect(await desk.log(spec)).toBe(counted(3));
  });

  it("is removed later when the server died between recording its exit and removing it", async () => {
    const spec = desk.job("iter2-train-1-train", ["node", await desk.program("short.mjs", [counting(1)])]);
    const record = await desk.start(spec);
    const exit = await desk.end(record);
    await writeFile(join(desk.runDir, "jobs", `${spec.id}.json`), JSON.stringify({ ...record, exit }));
    const next = desk.job("iter2-train-2-train", ["node", await desk.program("short.mjs", [counting(1)])]);
    await desk.end(await desk.start(next));
    expect(await docker(desk.env, "ps", "-aq", "--filter", `label=deft-mcp.job=${spec.id}`)).toBe("");
  });
});
