import { basename } from "node:path";
import { Refusal } from "../../errors.ts";
import { containedPath } from "../../fs/contained.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { fileFacts, kindOf } from "../../fs/read.ts";
import { runPaths } from "../../run/paths.ts";
import { adoptedDir, readAdoptedRun, takenFrom } from "../adopted-run.ts";
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

/** A run of the published scripts or of ours: the checkpoint of one iteration, and the rows that it was trained on. */
async function adoptRun(survey: Survey, given: string): Promise<Findings> {
  const run_dir = await inputPath(survey.workspace, adoptedDir(survey.workspace, given), "adopt_run");
  const run = await readAdoptedRun(run_dir);
  const from = takenFrom(run);
  const first = run.iterations.find(({ label }) => label === "baseline");
  if (first !== undefined && first.checkpoint === undefined) throw noCheckpoint(run_dir);
  const stages = Object.fromEntries(run.iterations.map(({ label, stage }) => [label, stage]));
  const checkpoints = { [from.label]: await digest(survey, from.checkpoint) };
  const rows = from.combined === undefined ? {} : { training_rows: await digest(survey, from.combined) };
  const listed = Object.entries(stages).map(([label, stage]) => `${label} up to ${stage}`);
  const detail = `${basename(run_dir)}: ${listed.join(", ")}; goes on from ${from.label}${from.combined === undefined ? "" : " and its combined rows"}`;
  const state_sha256 = await sha256OfFile(runPaths(run_dir).state);
  const adopts = { kind: run.kind, run_dir, state_sha256, stages, checkpoints, ...rows };
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
