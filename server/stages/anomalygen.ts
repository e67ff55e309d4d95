import { basename, dirname, join } from "node:path";
import { writeChangeNet } from "../data/changenet.ts";
import { readGapTable } from "../data/gap-files.ts";
import { quoted, Refusal } from "../errors.ts";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { writeJson } from "../fs/json.ts";
import { linkTo } from "../fs/link.ts";
import { kindOf, listNames, readText } from "../fs/read.ts";
import type { Evidence, Stage, StageContext } from "../ports/stage.ts";
import { inWorkspaceSpace } from "../run/images.ts";
import type { JobSpec } from "../run/job.ts";
import { iterationNumber } from "../run/labels.ts";
import { countLabels, type GenerationCounts, generationSteps, splitByLabels } from "./shared/allocation.ts";
import { recorded } from "./shared/committed.ts";
import { contributionPaths, writeContribution } from "./shared/contribution.ts";
import { asEvidence, requireFresh, requireJobs } from "./shared/evidence.ts";
import { blockedImages, countImages, generationPlaces, placementNotes } from "./shared/generation-evidence.ts";
import { checkGeneratorDataset, readDefectTypes } from "./shared/generator-dataset.ts";
import { stageJob } from "./shared/job.ts";
import { type PairRequest, type StagedPairs, stagePairs, stagingDir } from "./shared/pair-staging.ts";
import { inheritedSpec, layoutFrom } from "./shared/specs.ts";

/** Generates pairs of defective and golden images: mask placement, then synthesis (tao-stages 2.7 and 4.8). */
export const anomalygen: Stage = {
  name: "anomalygen",
  async plan(context) {
    const { dir: contributionDir } = contributionPaths(context);
    const routed = await routedLabels(context);
    if (routed.length === 0) return { directories: [{ path: contributionDir }], jobs: [] };
    const { dir } = generationPlaces(context);
    const pairs = await pairRequest(context, new Set());
    const staging = [stagingDir(pairs, "ng"), stagingDir(pairs, "ok")];
    return {
      directories: [dir, contributionDir, ...staging].map((path) => ({ path })),
      fresh: [dir, ...staging],
      jobs: [await placementJob(context, routed), await synthesisJob(context)],
    };
  },

  async prepare(context, plan) {
    if (plan.jobs.length === 0) return {};
    const { dataset_dir_source, defect_spec } = context.state.config.anomalygen;
    await checkGeneratorDataset(dataset_dir_source, await readDefectTypes(defect_spec));
    await buildView(await checkpointOf(context));
    return {};
  },

  async collect(context, outcomes) {
    if ((await routedLabels(context)).length === 0) return await skipped(context);
    const { jobs } = await anomalygen.plan(context);
    await requireJobs(jobs, outcomes, { marker: false });
    const files = generationPlaces(context);
    for (const path of [files.testcases, files.allocation, files.result]) await requireFresh(context, path);
    const blocked = await blockedImages(context);
    const staged = await stagePairs(await pairRequest(context, blocked));
    const counts = await countImages(context, blocked.size, staged);
    await writeRows(context, staged);
    return await evidenceOf(context, counts, staged);
  },
};

/** Routed rows decide whether to generate, and of what; they are no input of the generator. */
async function routedLabels(context: StageContext): Promise<readonly { label: string }[]> {
  const path = recorded(context, "routing_anomalygen_parquet");
  return await asEvidence(path, () => readGapTable(path));
}

async function placementJob(context: StageContext, routed: readonly { label: string }[]): Promise<JobSpec> {
  const { dataset_dir_source: dataset, defect_spec, num_SDG, seed } = context.state.config.anomalygen;
  const files = generationPlaces(context);
  const types = (await readDefectTypes(defect_spec)).map(({ type }) => type);
  const split = splitByLabels(countLabels(routed), types, num_SDG);
  const argv = ["prep_testcase.sh", "--name", context.iteration, "--num-sdg", String(num_SDG)];
  argv.push("--dataset-dir", dataset, "--clean-dir", dataset, "--defect-spec", defect_spec);
  argv.push("--amp-output-dir", files.amp, "--output-jsonl", files.testcases, "--mode", "inference");
  if (split) argv.push("--per-defect-counts", JSON.stringify(split));
  // Another seed each iteration: the same one would place and draw the very images of the last iteration again.
  const iterationSeed = (seed ?? 42) + iterationNumber(context.iteration) - 1;
  argv.push("--guidance", "7.0", "--crop-ratio", "2.0", "--seed", String(iterationSeed));
  return stageJob(context, "anomalygen", {
    name: "prep_testcase",
    image: "anomalygen",
    argv,
    workdir: files.dir,
    log_path: files.placement_log,
    reads: [dataset],
  });
}

async function synthesisJob(context: StageContext): Promise<JobSpec> {
  const { checkpoint_dir, step, num_SDG, model_size } = context.state.config.anomalygen;
  const files = generationPlaces(context);
  const argv = ["run_sdg.sh", "--checkpoint_dir", (await checkpointOf(context)).directory, "--step", String(step)];
  argv.push("--input_jsonl", files.testcases, "--output_dir", files.sdg);
  argv.push("--model_size", model_size ?? "2b", "--num_gpus", "1");
  argv.push("--seed", String(iterationNumber(context.iteration) - 1));
  return stageJob(context, "anomalygen", {
    name: "run_sdg",
    image: "anomalygen",
    argv,
    workdir: files.dir,
    log_path: files.synthesis_log,
    progress: { path: files.ng, expected: num_SDG },
    reads: [checkpoint_dir],
  });
}

function checkpointOf(context: StageContext): Promise<GeneratorCheckpoint> {
  const viewDir = join(generationPlaces(context).dir, "checkpoint_view");
  return generatorCheckpoint(context.state.config.anomalygen.checkpoint_dir, viewDir);
}

/** @throws Refusal `gate.generator-lighting`: one generated image cannot stand for several lightings. */
async function pairRequest(context: StageContext, exclude: ReadonlySet<string>): Promise<PairRequest> {
  const { images_dir } = contributionPaths(context);
  const { lightings, image_ext } = await layoutFrom(inheritedSpec(context), images_dir);
  if (lightings.length > 1) {
    throw new Refusal("gate.generator-lighting", "The generator makes one lighting, the spec trains on several.", {
      lightings,
    });
  }
  const subdir = `synthetic_${context.iteration}`;
  const { ng: ng_dir, ok: ok_dir } = generationPlaces(context);
  return { ng_dir, ok_dir, images_dir, subdir, lighting: lightings[0], image_ext, exclude };
}

/** Stores the pairs as rows: relative to the staging root, and relative to the workspace for training. */
async function writeRows(context: StageContext, staged: StagedPairs): Promise<void> {
  const paths = contributionPaths(context);
  await writeChangeNet(paths.sdg_rows_raw, staged.rows);
  const rows = staged.rows.map((row) => ({
    ...row,
    input_path: inWorkspaceSpace(paths.images_prefix, row.input_path),
    golden_path: inWorkspaceSpace(paths.images_prefix, row.golden_path),
  }));
  await writeChangeNet(paths.sdg_rows, rows);
  await writeJson(paths.ingest_summary, { ...staged.summary, output_csv: paths.sdg_rows_raw });
  await writeContribution(context, []);
}

async function evidenceOf(context: StageContext, counts: GenerationCounts, staged: StagedPairs): Promise<Evidence> {
  const { allocation, result, sdg } = generationPlaces(context);
  const copy = join(sdg, "allocation.json");
  await writeAtomic(copy, await readText(allocation));
  const byType = Object.entries(staged.summary.labels).map(([label, count]) => `${quoted(label)} ${count}`);
  return {
    summary: `SDG: requested=${counts.requested}, AMP-allocated=${counts.testcases}, generated=${counts.generated} by type (${byType.join(", ")})`,
    patch: {
      anomalygen_sdg_csv: result,
      anomalygen_allocation_json: copy,
      anomalygen_amp_allocated: counts.planned,
      ledger: ledgerOf(counts),
    },
    pins: [result, copy, contributionPaths(context).sdg_rows],
    warnings: counts.blocked > 0 ? [`The guardrail blocked ${counts.blocked} generated images.`] : [],
    facts: generationSteps(counts, await placementNotes(context)),
  };
}

function ledgerOf({ requested, planned, testcases, generated, blocked, paired }: GenerationCounts) {
  return { requested, allocated: planned, placed: testcases, generated, guardrail_blocked: blocked, paired };
}

async function skipped(context: StageContext): Promise<Evidence> {
  const { sdg_rows } = contributionPaths(context);
  await writeChangeNet(sdg_rows, []);
  await writeContribution(context, []);
  return {
    summary: "SDG: skipped, routing sent zero rows to AnomalyGen",
    patch: { anomalygen_skipped: true, ledger: { requested: 0, paired: 0 } },
    pins: [sdg_rows],
    warnings: [],
    facts: {},
  };
}

/** The checkpoint directory that the generator is given, and the flat file it has to be built around, if any. */
type GeneratorCheckpoint = { readonly directory: string; readonly flat_file: string | undefined };

/**
 * Decides how the generator gets at its checkpoint. It wants `checkpoints/model/iter_<9 digits>.pt`; the published
 * download is flat, the file beside ag_config.yaml, and is then shown through a directory of links at `viewDir`.
 */
async function generatorCheckpoint(checkpointDir: string, viewDir: string): Promise<GeneratorCheckpoint> {
  const asStaged = { directory: checkpointDir, flat_file: undefined };
  if (checkpointDir === "" || (await kindOf(join(checkpointDir, "checkpoints", "model"))) === "directory") {
    return asStaged;
  }
  const files = (await listNames(checkpointDir)).filter((name) => /^iter_[0-9]+\.pt$/.test(name));
  const [only, ...others] = files;
  if (only === undefined || others.length > 0) return asStaged;
  return { directory: viewDir, flat_file: join(checkpointDir, only) };
}

/** Builds the links of a flat checkpoint; their targets lie in a mount, or they would dangle in the container. */
async function buildView({ directory, flat_file }: GeneratorCheckpoint): Promise<void> {
  if (flat_file === undefined) return;
  const model = join(directory, "checkpoints", "model");
  await makeDirectory(model);
  await linkTo(join(dirname(flat_file), "ag_config.yaml"), join(directory, "ag_config.yaml"));
  await linkTo(flat_file, join(model, basename(flat_file)));
  await writeAtomic(join(directory, "checkpoints", "latest_checkpoint.txt"), `${basename(flat_file)}\n`);
}
