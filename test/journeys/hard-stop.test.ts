import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { approvedRun, boardsIn, drive, killRunningJob, logOf, stateOf } from "../support/board-run.ts";
import { type Connection, connect } from "../support/built-server.ts";
import { folderOfFile } from "../support/folder.ts";

const folder = folderOfFile();

describe("a training whose process is killed", () => {
  let run: string;
  let stopped: Record<string, unknown>;

  beforeAll(async () => {
    run = await approvedRun(folder.path, await boardsIn(folder.path));
    const server = await connect({ home: folder.path });
    await server.call("run_stage", { run, wait_seconds: 0 });
    await killRunningJob(run);
    stopped = await drive(server, run);
    await server.close();
  });

  async function withHuman<T>(action: "accept" | "decline", work: (server: Connection) => Promise<T>): Promise<T> {
    const answer = action === "accept" ? { action, content: { approve: true } } : { action };
    const server = await connect({ home: folder.path, answer });
    const done = await work(server);
    await server.close();
    return done;
  }

  it("stops the run: logged as an error, shown in status and in the report", async () => {
    expect(stopped).toMatchObject({ outcome: "hard_stop", hard_stop: { code: "executor.lost-job" } });
    expect(await logOf(run)).toMatchObject([{ stage: "train", status: "error" }]);
    const server = await connect({ home: folder.path });
    const status = await server.call("loop_status", { run });
    await server.close();
    expect(status).toMatchObject({ status: "failed", hard_stop: { stage: "train" } });
    expect(status.ways_out).toHaveLength(2);
    expect(await readFile(join(run, "DEFT_Loop_Report.html"), "utf8")).toContain("executor.lost-job");
  });

  it("stays stopped for an agent and for a human who says no", async () => {
    await withHuman("decline", async (server) => {
      expect(await server.refused("run_stage", { run })).toMatch(/^state\.hard-stopped: /);
      expect(await server.refused("acknowledge_stop", { run })).toMatch(/^approval\.declined: /);
      expect(await server.refused("acknowledge_stop", { run, resolve: "accept" })).toMatch(/^input\.invalid: /);
    });
    expect((await stateOf(run)).hard_stop.code).toBe("executor.lost-job");
  });

  it("goes on from the same stage once a human accepts the repair, and keeps the stop on record", async () => {
    const step = await withHuman("accept", async (server) => {
      await server.call("acknowledge_stop", { run });
      expect(server.asked[0]).toContain("executor.lost-job");
      return await drive(server, run, ({ outcome }) => outcome === "committed");
    });
    expect(step).toMatchObject({ iteration: "baseline", stage: "train" });
    expect((await logOf(run)).map(({ stage, status }) => [stage, status])).toEqual([
      ["train", "error"],
      ["train", "ok"],
    ]);
    const state = await stateOf(run);
    expect(state).toMatchObject({
      status: "in_progress",
      acknowledgements: [{ code: "executor.lost-job", how: "elicited" }],
    });
    expect(existsSync(state.iterations.baseline.best_ckpt_path)).toBe(true);
  });

  it("can be closed early when a human wants that, and then refuses every further stage", async () => {
    await withHuman("accept", async (server) => {
      expect(await server.refused("finish_loop", { run })).toMatch(/^stage\.out-of-order: /);
      await server.call("finish_loop", { run, stop_reason: "cancelled" });
      expect(await server.refused("run_stage", { run })).toMatch(/^state\.finished: /);
    });
    expect((await logOf(run)).at(-1)).toMatchObject({ stage: "loop_stop" });
  });
});
