import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { randomStream } from "../../engine/random.ts";
import { readExit } from "../../server/durable/work.ts";
import { readTask } from "../../server/platforms/slurm/record.ts";
import type { JobSpec } from "../../server/run/job.ts";
import { noteFigures } from "../support/figures.ts";
import { type Desk, linesOf, main, openDesk, slurm, until } from "./support/desk.ts";

/** How often the submitting process is killed, and at how many jobs at a time. */
const kills = process.env.DEFT_SOAK === "full" ? 200 : 24;
const abreast = 8;

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk();
});
afterAll(() => desk.close());

/** The keeper of a job, as the server starts it. */
function keeper(spec: JobSpec) {
  const child = spawn(process.execPath, [main, "keep", "slurm", desk.stem(spec)], { env: desk.env, stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  return { child, ended };
}

/**
 * Submits one job, its keeper killed three times: a random while after it began, when it has written that it sends, and
 * as it looks for what it sent.
 */
async function through(spec: JobSpec, random: () => number): Promise<number> {
  await desk.record(spec);
  for (let turn = 0; turn < 3; turn++) {
    const { child, ended } = keeper(spec);
    const sending = until("that it sends", async () => (await readTask(desk.stem(spec))) !== undefined, 120);
    await (turn === 0 ? sending.then(() => sleep(60 * random())) : Promise.race([ended, sleep(50 + 900 * random())]));
    child.kill("SIGKILL");
    await ended;
  }
  await until(
    "its end",
    async () => {
      await keeper(spec).ended;
      return (await readExit(desk.stem(spec))) !== undefined;
    },
    200,
  );
  return 3;
}

describe("a submitting process killed again and again", () => {
  it(`loses no job and starts none twice in ${kills} kills`, async () => {
    const random = randomStream(11);
    const seen = { kills: 0, jobs: 0, lost: 0, twice: 0, submits: 0 };
    while (seen.kills < kills) {
      const specs = Array.from({ length: abreast }, (_, at) =>
        desk.job(`storm-${seen.jobs + at}`, "echo once >> count"),
      );
      const counts = await Promise.all(specs.map((spec) => through(spec, random)));
      seen.kills += counts.reduce((sum, count) => sum + count, 0);
      seen.jobs += specs.length;
      for (const spec of specs) {
        const worked = (await linesOf(join(spec.workdir, "count"))).length;
        const exit = await readExit(desk.stem(spec));
        if (worked === 0 || exit?.exit_code !== 0) seen.lost++;
        if (worked > 1) seen.twice++;
        const { name = "" } = (await readTask(desk.stem(spec))) ?? {};
        seen.submits += (await slurm("squeue", "--noheader", "--states=all", `--name=${name}`, "--format=%i"))
          .split("\n")
          .filter((line) => line !== "").length;
      }
    }
    noteFigures("slurm kills", seen);
    expect(seen).toMatchObject({ lost: 0, twice: 0 });
  }, 3_600_000);
});
