import { describe, expect, it } from "@jest/globals";
import { approvedRun, boardsIn, drive, logOf, stateOf } from "../support/board-run.ts";
import { connect } from "../support/built-server.ts";
import { temporaryFolders } from "../support/folder.ts";

const temporaryFolder = temporaryFolders();

describe("a run that starts from a trained baseline", () => {
  it("skips the first training, says so, and goes on at the baseline's evaluate", async () => {
    const home = await temporaryFolder();
    const workspace = await boardsIn(home);
    const server = await connect({ home });
    const first = await approvedRun(home, workspace);
    await drive(server, first, ({ stage }) => stage === "train");
    const trained = (await stateOf(first)).iterations.baseline;
    const second = await approvedRun(home, workspace, { baseline_ckpt: trained.best_ckpt_path });
    const [entry] = await logOf(second);
    expect(entry).toMatchObject({ seq: 1, iter: "baseline", stage: "train", status: "ok", duration_sec: 0 });
    const adopted = await stateOf(second);
    expect(adopted.iterations.baseline).toMatchObject({
      stage_completed: "train",
      source: "adopted",
      adopted: ["train"],
    });
    expect(adopted.iterations.baseline.best_ckpt_path.startsWith(`${second}/baseline/train/`)).toBe(true);
    const step = await server.call("run_stage", { run: second, wait_seconds: 60 });
    expect(step).toMatchObject({ iteration: "baseline", stage: "evaluate", outcome: "committed" });
    await server.close();
  });
});
