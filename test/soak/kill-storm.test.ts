import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { randomStream } from "../../engine/random.ts";
import { approvedRun, boardsIn, drive, logOf, stateOf } from "../support/board-run.ts";
import { connect } from "../support/built-server.ts";
import { temporaryFolders } from "../support/folder.ts";

const temporaryFolder = temporaryFolders();
/** Kills in all: 40 by default, 1,000 with DEFT_SOAK=full. */
const wanted = process.env.DEFT_SOAK === "full" ? 1000 : 40;
const course = ["train", "evaluate", "rca", "routing", "anomalygen", "data_mining", "data_merge", "train", "evaluate"];

/** What a run came to, without its own name: the log's stages, the figures, the rows it trained on and scored. */
async function outcomeOf(run: string) {
  const { iterations } = await stateOf(run);
  const named = async (path: string) => (await readFile(path, "utf8")).replaceAll(/run_\d{8}_\d{6}/g, "run");
  const log = await logOf(run);
  return {
    stages: log.map(({ stage, status }) => `${stage} ${status}`),
    seq: log.map(({ seq }) => seq),
    figures: ["baseline", "iter1"].map((label) => {
      const { far_pct, threshold, val_loss, ledger } = iterations[label];
      return { far_pct, threshold, val_loss, ledger };
    }),
    merged: await named(iterations.iter1.combined_training_csv),
    scored: await named(iterations.iter1.inference_csv),
    attempts: (await readdir(join(run, "jobs"))).filter((name) => name.endsWith(".attempt")).length,
  };
}

async function finish(home: string, run: string): Promise<void> {
  const server = await connect({ home });
  await drive(server, run);
  await server.call("finish_loop", { run });
  await server.close();
}

describe("a server killed again and again", () => {
  it(`loses, doubles and changes nothing in ${wanted} kills`, async () => {
    const home = await temporaryFolder();
    const workspace = await boardsIn(home);
    const calm = await approvedRun(home, workspace);
    await finish(home, calm);
    const expected = await outcomeOf(calm);
    expect(expected.stages).toEqual([...course.map((stage) => `${stage} ok`), "loop_stop ok"]);
    const random = randomStream(7);
    let kills = 0;
    let runs = 0;
    while (kills < wanted) {
      const run = await approvedRun(home, workspace);
      for (let ended = false; !ended && kills < wanted; kills++) {
        const server = await connect({ home });
        const call = server.call("run_stage", { run, wait_seconds: 20 }).catch(() => ({ next_action: "killed" }));
        await sleep(20 + 700 * random());
        await server.kill();
        ended = String((await call).next_action).startsWith("finish_loop");
      }
      await finish(home, run);
      expect(await outcomeOf(run)).toEqual(expected);
      runs += 1;
    }
    process.stdout.write(`kills survived ${kills}, runs ${runs}, entries lost 0, doubled 0\n`);
  }, 3_600_000);
});
