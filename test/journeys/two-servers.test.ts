import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { approvedRun, boardsIn, logOf, stateOf } from "../support/board-run.ts";
import { type Connection, connect } from "../support/built-server.ts";
import { temporaryFolders } from "../support/folder.ts";

const temporaryFolder = temporaryFolders();
const course = ["train", "evaluate", "rca", "routing", "anomalygen", "data_mining", "data_merge", "train", "evaluate"];

/** Runs stage after stage until none is left, whoever committed it. */
async function toTheEnd(server: Connection, run: string): Promise<void> {
  for (let left = true; left; ) {
    const { isError, content } = await server.result("run_stage", { run, wait_seconds: 20 });
    const [first] = content;
    const text = first?.type === "text" ? first.text : "";
    if (isError) expect(text).toMatch(/^stage\.out-of-order: No stage is left to run/);
    left = !isError && !String(JSON.parse(text).next_action).startsWith("finish_loop");
  }
}

describe("two servers on one run", () => {
  it("run every stage once, with one process a job and one line a stage", async () => {
    const home = await temporaryFolder();
    const run = await approvedRun(home, await boardsIn(home));
    const servers = [await connect({ home }), await connect({ home })];
    await Promise.all(servers.map((server) => toTheEnd(server, run)));
    await Promise.all(servers.map((server) => server.call("finish_loop", { run })));
    const log = await logOf(run);
    expect(log.map(({ stage, status }) => `${stage} ${status}`)).toEqual(
      [...course, "loop_stop"].map((stage) => `${stage} ok`),
    );
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
    expect((await stateOf(run)).status).toBe("complete");
    const jobs = await readdir(join(run, "jobs"));
    const named = (end: string) => jobs.filter((name) => name.endsWith(end)).map((name) => name.slice(0, -end.length));
    // What is handed over is scored once more at the end, by one of the two.
    expect(named(".attempt").filter((name) => name.includes("-reproduce-"))).toHaveLength(1);
    expect(named(".attempt").length).toBe(course.length + 1);
    expect(named(".exit")).toEqual(named(".claim"));
    expect(named(".json")).toEqual(named(".claim"));
  });
});
