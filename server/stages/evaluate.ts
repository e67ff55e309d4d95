import { dirname, join } from "node:path";
import { countRows } from "../data/csv.ts";
import { readScores } from "../data/inference.ts";
import { analyseKpi, writeKpiFiles } from "../data/kpi-files.ts";
import { Refusal } from "../errors.ts";
import { readMeasurement, runEvaluator } from "../exec/evaluator.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { withScratchFolder } from "../fs/folder.ts";
import { sha256OfFile } from "../fs/hash.ts";
import { kindOf, readText } from "../fs/read.ts";
import { certaintyOf } from "../kpi/certainty.ts";
import { farAtRecalls, measureFar } from "../kpi/far-at-recall.ts";
import { judged, type Measurement, recallTargetPct, selectBest } from "../kpi/metric-contract.ts";
import { artifactPath } from "../kpi/metric-result.ts";
import type { Stage, StageContext } from "../ports/stage.ts";
import { defined } from "../run/defined.ts";
import type { JobSpec } from "../run/job.ts";
import { previousLabel } from "../run/labels.ts";
import type { MetricContract, MetricResult } from "../run/metric.ts";
import { runPaths } from "../run/paths.ts";
import type { IterationState } from "../run/state.ts";
import { present } from "./shared/committed.ts";
import { asEvidence, missing, requireFresh, requireJobs, requireStatus } from "./shared/evidence.ts";
import { chanceRemark } from "./shared/gain.ts";
import { type InferenceFacts, inferenceFacts } from "./shared/inference-rows.ts";
import { scoringJob, scoringSpec } from "./shared/scoring.ts";

/** Lowest validation loss, best by the metric that TAO monitors where it does, and last. */
const kinds = ["best_val", "best_metric", "latest"] as const;
type Kind = (typeof kinds)[number];
type Candidate = { readonly kind: Kind; readonly checkpoint: string; readonly dir: string; readonly job: JobSpec };
type Scored = {
  readonly candidate: Candidate;
  readonly csv: string;
  readonly far_pct: number;
  readonly swept: Measurement;
  readonly measurement: Measurement;
  readonly coverage: InferenceFacts;
  /** Rows of good parts that were scored. */
  readonly passRows: number;
};

/** Fewer scores may be alike by chance. */
const fewestToJudge = 4;

/** FAR at these recalls goes into the diagnostics, whatever recall the contract asks for. */
const reportedRecalls = [99, 100];

/** Scores the KPI set with each candidate checkpoint and keeps the one with the better primary metric. */
export const evaluate: Stage = {
  name: "evaluate",
  async plan(context) {
    const all = candidates(context);
    return {
      directories: all.map(({ dir }) => ({ path: dir })),
      fresh: [inferenceDir(context)],
      jobs: all.map(({ job }) => job),
    };
  },

  async prepare(context) {
    const { config } = context.state;
    const count = await countRows(config.kpi_test_csv);
    const text = await scoringSpec(context, { csv: config.kpi_test_csv, count });
    await writeAtomic(specPath(context), text);
    return {};
  },

  measures({ state }) {
    return state.metric_contract.evaluator.type === "command";
  },

  async measure(context) {
    const measured = new Map<string, { sha256: string; said: string | Refusal }>();
    for (const { dir } of candidates(context)) {
      const csv = join(dir, "inference.csv");
      if ((await kindOf(csv)) === "file") measured.set(csv, await askEvaluator(context, csv));
    }
    return measured;
  },

  async collect(context, outcomes) {
    const { metric_contract: contract } = context.state;
    const all = candidates(context);
    await requireJobs(
      all.map(({ job }) => job),
      outcomes,
      { marker: true },
    );
    const measured: Scored[] = [];
    for (const candidate of all) measured.push(await measure(context, candidate));
    const best = bestOf(contract, measured);
    if (!best) throw missing(inferenceDir(context), "holds no inference");
    const result = judged(contract, best.measurement);
    const remark = chanceRemark(context, best.far_pct, best.passRows);
    return {
      summary: summaryOf(contract, result),
      patch: {
        ...patchOf(best, result, measured.length, best.coverage.kpi_rows),
        ...defined({ program: context.program, gain_remark: remark }),
      },
      pins: [
        ...new Set([best.csv, best.candidate.checkpoint, ...(result.evidence_path ? [result.evidence_path] : [])]),
      ],
      warnings: [...(await implausible(best.csv)), ...otherProgram(context), ...(remark === undefined ? [] : [remark])],
      facts: {
        inferences: measured.map(({ coverage }) => coverage),
        metric: { inference_csv: best.csv, result, swept: best.swept },
      },
    };
  },
};

function inferenceDir(context: StageContext): string {
  return join(runPaths(context.runDir).iteration(context.iteration), "inference");
}

function specPath(context: StageContext): string {
  return join(inferenceDir(context), "inference_spec.yaml");
}

/** The distinct checkpoint files to compare; the same file under two names is scored once. */
function candidates(context: StageContext): Candidate[] {
  const { candidate_ckpts, best_ckpt_path, best_ckpt_kind } = present(context);
  const files = candidate_ckpts ?? (best_ckpt_path ? { [best_ckpt_kind ?? "latest"]: best_ckpt_path } : {});
  const seen = new Set<string>();
  const found: Candidate[] = [];
  for (const kind of kinds) {
    const checkpoint = files[kind];
    if (checkpoint === undefined || seen.has(checkpoint)) continue;
    seen.add(checkpoint);
    const dir = join(inferenceDir(context), kind);
    found.push({ kind, checkpoint, dir, job: inferenceJob(context, kind, checkpoint, dir) });
  }
  if (found.length === 0) throw missing(`${context.iteration}.best_ckpt_path`, "is not recorded");
  return found;
}

function inferenceJob(context: StageContext, kind: Kind, checkpoint: string, dir: string): JobSpec {
  return scoringJob(context, { name: `inference_${kind}`, checkpoint, spec: specPath(context), dir });
}

async function measure(context: StageContext, candidate: Candidate): Promise<Scored> {
  const { metric_contract: contract, config } = context.state;
  await requireStatus(context, join(candidate.dir, "status.json"), "inference");
  const csv = join(candidate.dir, "inference.csv");
  await requireFresh(context, csv);
  const coverage = await inferenceFacts(context, config.kpi_test_csv, csv);
  const recall_pct = recallTargetPct(contract);
  const analysis = await analyseKpi(csv, recall_pct / 100);
  const far = measureFar(analysis.sweep, recall_pct);
  const diagnostics = { ...far.diagnostics, far_pct_at_recall: farAtRecalls(analysis.sweep, reportedRecalls) };
  const measurement: Measurement = { ...far, diagnostics, name: contract.name, unit: contract.unit };
  const builtin = contract.evaluator.type === "builtin" ? { measurement } : {};
  await writeKpiFiles(candidate.dir, csv, analysis, { minRecall: recall_pct / 100, ...builtin });
  const verdict = await judgedBy(context, candidate, csv, measurement);
  return {
    candidate,
    csv,
    far_pct: far.value,
    swept: far,
    measurement: verdict,
    coverage,
    passRows: analysis.sweep.passRows,
  };
}

/** FAR as swept here, or what the contract's own evaluator says. */
async function judgedBy(
  context: StageContext,
  candidate: Candidate,
  inferenceCsv: string,
  far: Measurement,
): Promise<Measurement> {
  const { metric_contract: contract } = context.state;
  const { evaluator } = contract;
  const outputJson = join(candidate.dir, "metric_result.json");
  if (evaluator.type === "builtin") return { ...far, evidence_path: outputJson };
  if (evaluator.type === "command") {
    await writeAtomic(outputJson, await saidOf(context, inferenceCsv));
    return await readMeasurement(contract, outputJson);
  }
  const delivered = artifactPath(evaluator.path_template, context.iteration);
  return await asEvidence(delivered, () => readMeasurement(contract, delivered));
}

/** What the contract's program says of an inference, or why it says nothing. */
async function askEvaluator(context: StageContext, inferenceCsv: string) {
  const { metric_contract: contract } = context.state;
  const { evaluator } = contract;
  if (evaluator.type !== "command") throw new Error("the contract names no program");
  const sha256 = await sha256OfFile(inferenceCsv);
  try {
    const said = await withScratchFolder(join(dirname(inferenceCsv), "metric_result"), async (scratch) => {
      const outputJson = join(scratch, "metric_result.json");
      await runEvaluator(contract, evaluator, { inferenceCsv, outputJson });
      return await readText(outputJson);
    });
    return { sha256, said };
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === "input.write-failed") throw error;
    return { sha256, said: error };
  }
}

/** What the program said, which counts only for the inference as it now lies there. */
async function saidOf({ measured }: StageContext, inferenceCsv: string): Promise<string> {
  const found = measured?.get(inferenceCsv);
  if (found === undefined) throw missing(inferenceCsv, "was not there when the metric's evaluator was asked");
  if (found.sha256 !== (await sha256OfFile(inferenceCsv))) {
    throw missing(inferenceCsv, "changed after the metric's evaluator was asked");
  }
  if (found.said instanceof Refusal) throw found.said;
  return found.said;
}

/** One delivered artifact cannot tell two checkpoints apart; FAR then does. */
function bestOf(contract: MetricContract, measured: readonly Scored[]): Scored | undefined {
  if (contract.evaluator.type === "artifact") return measured.toSorted((a, b) => a.far_pct - b.far_pct)[0];
  const best = selectBest(
    contract,
    measured.map(({ measurement }) => measurement),
  );
  return measured.find(({ measurement }) => measurement === best);
}

function patchOf(best: Scored, result: MetricResult, compared: number, rows: number): Partial<IterationState> {
  return {
    best_ckpt_path: best.candidate.checkpoint,
    best_ckpt_kind: best.candidate.kind,
    inference_csv: best.csv,
    ...defined({ threshold: result.threshold }),
    far_pct: best.far_pct,
    metric_result: result,
    ledger: { kpi_rows: rows, checkpoints_compared: compared },
  };
}

function summaryOf(contract: MetricContract, result: MetricResult): string {
  const { name, operator, target, unit } = contract;
  const threshold = result.threshold === undefined ? "n/a" : result.threshold;
  const figure = `Evaluate: ${name}=${Number(result.value.toFixed(4))}${unit} target ${operator}${target}${unit}; threshold=${threshold}`;
  const sure = certaintyOf(contract, result.counts);
  return sure ? `${figure}; at most ${sure.far_bound_pct.toFixed(2)}% at ${sure.confidence_pct}% confidence` : figure;
}

/** A network that looked at so many parts does not answer with two numbers: a label or a constant may stand there. */
async function implausible(csv: string): Promise<string[]> {
  const { scores } = await readScores(csv);
  const other = scores.find((score) => score !== scores[0]);
  if (scores.length < fewestToJudge || scores.some((score) => score !== scores[0] && score !== other)) return [];
  const what = other === undefined ? "one and the same value" : "two values only";
  return [`The scores of ${scores.length} KPI rows take ${what}: no trained network does that.`];
}

/** Figures of one run compare only where one program scored them. */
function otherProgram(context: StageContext): string[] {
  const before = previousLabel(context.iteration);
  const { iterations, plan } = context.state;
  const known = before === undefined ? plan.program : iterations[before]?.program;
  if (known === undefined || context.program === undefined || known === context.program) return [];
  return [
    `Another program scored than ${before === undefined ? "was planned" : `in ${before}`}: ${known}, now ${context.program}.`,
  ];
}
