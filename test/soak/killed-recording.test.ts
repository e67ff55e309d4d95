import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { randomStream } from "../../engine/random.ts";
import { run as replay } from "../../server/cli/replay.ts";
import { run as trace } from "../../server/cli/trace.ts";
import { boardsIn, drive, shortLoop } from "../support/board-run.ts";
import { connect } from "../support/built-server.ts";
import { runCommand } from "../support/command.ts";
import { noteFigures } from "../support/figures.ts";
import { temporaryFolders } from "../support/folder.ts";
import { recordingKills as wanted } from "../support/soak.ts";

const temporaryFolder = temporaryFolders();

/** A recording server with a human who says yes to everything. */
const recordingServer = (home: string, dir: string) =>
  connect({ home, env: { DEFT_RECORD: dir }, answer: { action: "accept", content: { approve: true } } });

type Server = Awaited<ReturnType<typeof recordingServer>>;

/** Every stage that is left, as far as the server lives. */
async function goOn(server: Server, run: string): Promise<void> {
  const { next_action } = await server.call("loop_status", { run });
  if (String(next_action).startsWith("run_stage")) await drive(server, run);
}

/** A whole run, as far as the server lives. */
async function goThrough(server: Server, workspace: string): Promise<void> {
  const { plan_id } = await server.call("preflight", { ...shortLoop, workspace, resume: "fresh" });
  const { run_dir } = await server.call("approve_plan", { plan_id });
  await goOn(server, String(run_dir));
  await server.call("finish_loop", { run: run_dir });
}

/** Kills the server at an instant of its story, unless that is over by then. */
async function killedAfter(server: Server, ms: number, story: Promise<unknown>): Promise<"killed" | "through"> {
  const first = await Promise.race([story.then(() => "through" as const), sleep(ms).then(() => "killed" as const)]);
  if (first === "through") await server.close();
  else {
    await server.kill();
    await story.catch(() => undefined);
  }
  return first;
}

/** Jobs outlive their server; these nobody comes back for. */
async function endJobs(workspace: string): Promise<void> {
  for (const run of await readdir(join(workspace, "results")).catch(() => [])) {
    const jobs = join(workspace, "results", run, "jobs");
    for (const name of (await readdir(jobs).catch(() => [])).filter((one) => one.endsWith(".claim"))) {
      const { pid } = JSON.parse(await readFile(join(jobs, name), "utf8"));
      try {
        process.kill(-pid, "SIGKILL");
      } catch {
        // It is over.
      }
    }
  }
}

async function check(dir: string, workspace: string, options: readonly string[] = []) {
  const { code, stdout } = await runCommand(replay, [dir, "--workspace", workspace, "--json", ...options]);
  return {
    code,
    ...(JSON.parse(stdout) as { error?: object; calls: number; differences: unknown[]; notes: string[] }),
  };
}

describe("a recording server killed at a random instant", () => {
  it(`leaves a trace that is shown and replays as far as it goes, ${wanted} times`, async () => {
    const home = await temporaryFolder();
    const again = await boardsIn(home, "again");
    const random = randomStream(21);
    const seen = { killed: 0, calls: 0, unusable: 0, different: 0 };
    for (let round = 0; seen.killed < wanted; round++) {
      const dir = join(home, `trace-${round}`);
      // The workspace of a replay has no earlier runs, so that of the recording has none either.
      const workspace = await boardsIn(home, `boards-${round}`);
      const server = await recordingServer(home, dir);
      const end = await killedAfter(server, 10 + 9000 * random() ** 2, goThrough(server, workspace));
      await endJobs(workspace);
      if (end === "through") continue;
      seen.killed += 1;
      const text = await readFile(join(dir, "connection-1.jsonl"), "utf8");
      const shown = await runCommand(trace, ["show", dir]);
      expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining("cut off: the server was killed here")]);
      expect((await check(dir, again)).code).toBe(2);
      const { code, calls, differences, notes = [] } = await check(dir, again, ["--partial"]);
      const lines = text.split("\n").length - 1;
      expect(differences).toEqual([]);
      expect([code, notes]).toEqual([0, [expect.stringContaining(`cut off after connection-1.jsonl line ${lines}`)]]);
      seen.calls += calls;
      seen.unusable += code === 2 ? 1 : 0;
      seen.different += code === 1 ? 1 : 0;
    }
    noteFigures("killed recordings", seen);
  }, 3_600_000);

  it("and resumed under the same record leaves one trace, which replays to the end of the run", async () => {
    const home = await temporaryFolder();
    const workspace = await boardsIn(home);
    const again = await boardsIn(home, "again");
    const random = randomStream(22);
    const runs = Math.max(1, Math.round(wanted / 12));
    for (let round = 0; round < runs; round++) {
      const dir = join(home, `trace-${round}`);
      const planner = await recordingServer(home, dir);
      const { plan_id } = await planner.call("preflight", { ...shortLoop, workspace, resume: "fresh" });
      const { run_dir } = await planner.call("approve_plan", { plan_id });
      await planner.kill();
      for (let end = "killed"; end === "killed"; ) {
        const server = await recordingServer(home, dir);
        end = await killedAfter(server, 600 + 5000 * random(), goOn(server, String(run_dir)));
      }
      // A killed finish_loop stops between its steps, of which a trace does not tell.
      const last = await recordingServer(home, dir);
      await last.call("finish_loop", { run: run_dir });
      await last.close();
      const { code, error, differences } = await check(dir, again);
      expect([code, error, differences]).toEqual([0, undefined, []]);
    }
  }, 3_600_000);
});
