import { join } from "node:path";
import { z } from "zod";
import { workFiles } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import { readAsIfPresent } from "../../fs/json.ts";
import { imageKeys } from "../../run/job.ts";
import { networkModes } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import type { RunState } from "../../run/state.ts";

const imageSchema = z.object({ uri: z.string(), id: z.string(), digest: z.string().optional() });

/** `jobs/readiness.json`: what was put right for a run, and the images that all of its containers are made of. */
const readySchema = z.object({
  /** Earlier versions kept a failure here too. */
  state: z.enum(["working", "ready", "failed"]),
  message: z.string(),
  /** `<blocker> cleared -> resuming step N`, in order. */
  cleared: z.array(z.string()),
  network_mode: z.enum(networkModes),
  images: z.partialRecord(z.enum(imageKeys), imageSchema),
  /** sha256 of what was fetched, by path. */
  fetched: z.record(z.string(), z.string()),
});
export type Ready = z.infer<typeof readySchema>;

/** The stem of a run's preparation. */
export function readinessStem(runDir: string): string {
  return join(runPaths(runDir).jobs, "readiness");
}

export async function readReadiness(stem: string): Promise<Ready | undefined> {
  return await readAsIfPresent(workFiles(stem).record, readySchema);
}

/** What the run's containers are made of. @throws Refusal `executor.not-ready` before `makeReady` has come through. */
export async function readReady(runDir: string): Promise<Ready> {
  const ready = await readReadiness(readinessStem(runDir));
  if (ready?.state === "ready") return ready;
  throw new Refusal("executor.not-ready", "The run's images are not resolved yet.", { run: runDir });
}

/** What a step of the preparation works with. */
export type FixContext = {
  readonly runDir: string;
  readonly state: RunState;
  readonly env: NodeJS.ProcessEnv;
  readonly ready: Ready;
  say(message: string): Promise<void>;
};

/** What a step put right, by name, and what the run is made of from there on. */
export type Fixed = { readonly blockers: readonly string[] } & Partial<Pick<Ready, "images" | "fetched">>;

/** One thing that has to be right before the first job of a run. */
export type Fix = { readonly title: string; run(context: FixContext): Promise<Fixed> };
