import { basename } from "node:path";
import { z } from "zod";
import { Refusal } from "../../errors.ts";
import { containedPath } from "../../fs/contained.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { readJson } from "../../fs/json.ts";
import { fileFacts, kindOf } from "../../fs/read.ts";
import { isIterationLabel } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import { ok } from "../findings.ts";
import type { Findings, Step, Survey } from "../survey.ts";
import { inputPath } from "../workspace.ts";

/** Work of another program that this run takes over by approval, named in the plan with its digests. */
export const adoptionStep: Step = {
  id: "adoption",
  title: "Adopted work",
  async look(survey): Promise<Findings> {
    const { adopt_run, baseline_ckpt } = survey.request;
    if (adopt_run !== undefined && baseline_ckpt !== undefined) {
      throw new Refusal("input.invalid", "Name adopt_run or baseline_ckpt, not both.");
    }
    if (adopt_run !== undefined) return adoptRun(survey, adopt_run);
    if (baseline_ckpt !== undefined) return adoptCheckpoint(survey, baseline_ckpt);
    return {};
  },
};

const iterationSchema = z.looseObject({
  stage_completed: z.string().optional(),
  best_ckpt_path: z.string().optional(),
});

const vendorSchema = z.looseObject({
  version: z.number(),
  baseline: iterationSchema.optional(),
  iterations: z.record(z.string(), iterationSchema).default({}),
});

/** A version-2 run of the published scripts, whole or seeded by AutoML with a trained baseline. */
async function adoptRun(survey: Survey, given: string): Promise<Findings> {
  const run_dir = await inputPath(survey.workspace, given, "adopt_run");
  const path = runPaths(run_dir).state;
  const state = vendorSchema.safeParse(await readJson(path));
  if (!state.success) throw new Refusal("state.corrupt", "The state of the adopted run does not parse.", { path });
  if (state.data.version !== 2) {
    throw new Refusal("state.foreign-version", `State version ${state.data.version} cannot be adopted.`, { path });
  }
  const iterations = { ...(state.data.baseline && { baseline: state.data.baseline }), ...state.data.iterations };
  const stages: Record<string, string> = {};
  const checkpoints: Record<string, unknown> = {};
  for (const [label, { stage_completed, best_ckpt_path }] of Object.entries(iterations)) {
    if (!isIterationLabel(label) || stage_completed === undefined) continue;
    if (best_ckpt_path !== undefined) checkpoints[label] = await digest(survey, best_ckpt_path);
    else if (label === "baseline") throw noCheckpoint(run_dir);
    stages[label] = stage_completed;
  }
  if (Object.keys(stages).length === 0) throw noCheckpoint(run_dir);
  const detail = `${basename(run_dir)}: ${Object.entries(stages)
    .map(([label, stage]) => `${label} up to ${stage}`)
    .join(", ")}`;
  const adopts = { kind: "vendor_v2", run_dir, state_sha256: await sha256OfFile(path), stages, checkpoints };
  return ok(detail, { found: { adopts } });
}

function noCheckpoint(run_dir: string): Refusal {
  return new Refusal("stage.evidence-missing", "The run has no trained baseline to adopt.", { run_dir });
}

/** A checkpoint that stands in for the baseline training. */
async function adoptCheckpoint(survey: Survey, given: string): Promise<Findings> {
  const { path, ...facts } = await digest(survey, given);
  const detail = `${path} (${facts.size_bytes} bytes) stands in for the baseline training`;
  return ok(detail, { found: { adopts: { kind: "baseline_ckpt", checkpoint: path, ...facts } } });
}

async function digest(survey: Survey, given: string) {
  const path = await inputPath(survey.workspace, given, "checkpoint");
  await containedPath([survey.workspace], path, "checkpoint");
  const size_bytes = (await fileFacts(path))?.size_bytes ?? 0;
  if ((await kindOf(path)) !== "file" || size_bytes === 0) {
    throw new Refusal("stage.evidence-missing", `${path} is no checkpoint file with content.`, { path });
  }
  return { path, size_bytes, sha256: await sha256OfFile(path) };
}
