import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { takeClaim } from "../../durable/claim.ts";
import type { Measured, StageContext } from "../../ports/stage.ts";
import type { StageName } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import { waitUntil } from "../../run/wait.ts";
import { stages } from "../../stages/index.ts";

const pace = { first_ms: 500, most_ms: 500 };

/** What to do with what was measured, and where the stage stands meanwhile: undefined while it still waits for it. */
type Continue<T> = {
  readonly commit: (measured: Measured) => Promise<T>;
  readonly follow: () => Promise<T | undefined>;
};

/**
 * Has a stage ask the user's own programs, without the run lock, and goes on with what they said. When `deadline`
 * passes first the result is undefined, while the programs run on and what they say is still committed.
 *
 * One process at a time asks; another waits for its commit, and asks in its place should it die. No keeper does it: what
 * the programs say stays in this process until it is committed, so that nobody can edit it on the way.
 *
 * @throws Refusal of the commit; `input.write-failed` when the disk takes no claim.
 */
export async function measureUntil<T>(
  context: StageContext,
  stage: StageName,
  deadline: number,
  next: Continue<T>,
): Promise<T | undefined> {
  const over = sleep(Math.max(0, deadline - performance.now()), undefined, { ref: false });
  const found = await waitUntil<{ result: T | undefined }>(
    async () => {
      const work = measureInTurn(context, stage, next);
      // After the deadline nobody waits for it; what went wrong shows at the next call, which measures again.
      work.catch(() => undefined);
      const ended = await Promise.race([work, over.then(() => ({ result: undefined }))]);
      if (ended !== "taken") return ended;
      const result = await next.follow();
      return result === undefined ? undefined : { result };
    },
    pace,
    { deadline },
  );
  return found?.result;
}

async function measureInTurn<T>(context: StageContext, stage: StageName, { commit, follow }: Continue<T>) {
  const { runDir, iteration, attempt } = context;
  const stem = join(runPaths(runDir).jobs, `${iteration}-${stage}-${attempt}`);
  const claim = await takeClaim(stem);
  if (claim === undefined) return "taken" as const;
  try {
    // Whoever had the claim before may have committed since this process looked.
    const done = await follow();
    if (done !== undefined) return { result: done };
    return { result: await commit((await stages[stage].measure?.(context)) ?? new Map()) };
  } finally {
    await claim.release();
  }
}
