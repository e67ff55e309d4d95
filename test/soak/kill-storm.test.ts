import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { randomStream } from "../../engine/random.ts";
import { approvedRun, boardsIn, drive, logOf, outcomeOf } from "../support/board-run.ts";
import { connect } from "../support/built-server.ts";
import { lostAndDoubled, noteFigures } from "../support/figures.ts";
import { temporaryFolders } from "../support/folder.ts";
import { kills as wanted } from "../support/soak.ts";

const temporaryFolder = temporaryFolders();
const course = ["train", "evaluate", "rca", "routing", "anomalygen", "data_mining", "data_merge", "train", "evaluate"];

async function finish(home: string, run: string): Promise<void> {
  const server = await connect({ home });
  if ((await committed(run)) < course.length) await drive(server, run);
  await server.call("finish_loop", { run });
  await server.close();
}

/** Stages that are in the log, as whole lines. */
async function committed(run: string): Promise<number> {
  const log = await readFile(join(run, "loop_log.jsonl"), "utf8").catch(() => "");
  return log.split("\n").length - 1;
}

/**
 * Kills a server up to `most` times on the way through one run, each after a random while. Where a kill came before
 * the next commit the whiles get longer, so that a slow machine gets through the loop too. Returns the kills.
 */
async function killOften(home: string, run: string, most: number, random: () => number): Promise<number> {
  let patience = 700;
  for (let kills = 1, before = 0; ; kills++) {
    const server = await connect({ home });
    const call = server.call("run_stage", { run, wait_seconds: 20 }).catch(() => undefined);
    await sleep(20 + patience * random());
    await server.kill();
    await call;
    const now = await committed(run);
    if (now === course.length || kills >= most) return kills;
    patience = now > before ? 700 : Math.min(1.3 * patience, 20_000);
    before = now;
  }
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
    const seen = { survived: 0, runs: 0, lost: 0, doubled: 0 };
    while (seen.survived < wanted) {
      const run = await approvedRun(home, workspace);
      const kills = await killOften(home, run, wanted - seen.survived, random);
      await finish(home, run);
      const seqs = (await logOf(run)).map(({ seq }) => Number(seq));
      const { lost, doubled } = lostAndDoubled(seqs, expected.stages.length);
      seen.survived += kills;
      seen.runs += 1;
      seen.lost += lost;
      seen.doubled += doubled;
      expect(await outcomeOf(run)).toEqual(expected);
    }
    noteFigures("kills", seen);
    expect([seen.lost, seen.doubled]).toEqual([0, 0]);
  }, 7_200_000);
});
