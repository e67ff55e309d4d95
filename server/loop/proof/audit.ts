import { tmpdir } from "node:os";
import { join } from "node:path";
import { excerpt, Refusal } from "../../errors.ts";
import { makeDirectory } from "../../fs/atomic.ts";
import { copyNew } from "../../fs/copy.ts";
import { withScratchFolder } from "../../fs/folder.ts";
import { kindOf } from "../../fs/read.ts";
import { type Run, readRun } from "../../journal/journal.ts";
import type { Deps } from "../../ports/call.ts";
import type { Executor } from "../../ports/executor.ts";
import { isoSeconds } from "../../run/clock.ts";
import { defined } from "../../run/defined.ts";
import type { JobExit, JobRecord } from "../../run/job.ts";
import { type IterationLabel, isIterationLabel } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import type { ScoreProof } from "../../run/state.ts";
import { waitUntil } from "../../run/wait.ts";
import { executorOf } from "../running/advance.ts";
import { saveRecord } from "../running/attempts.ts";
import { changedImages } from "../running/image-pins.ts";
import { changedFacts, changedPins } from "../running/pins.ts";
import { compareRescored } from "./proof.ts";
import { prepareRescore, type Rescore } from "./rescore.ts";

/** Something that is not as the run says. */
export type Finding = { readonly what: string; readonly facts: Readonly<Record<string, unknown>> };

export type Audit = {
  readonly run_dir: string;
  readonly proof: ScoreProof;
  /** The same of the frozen test set, where the run ended with a figure of it. */
  readonly holdout?: ScoreProof;
  readonly far_pct: number | undefined;
  /** What the run says that it was scored by. */
  readonly program: string | undefined;
  /** Empty where everything is as the run says. */
  readonly findings: readonly Finding[];
  /** What a reader should know, and what is no difference. */
  readonly notes: readonly string[];
};

const pace = { first_ms: 60, most_ms: 1000 };

/**
 * Holds a run against what lies on the disk: its chain of digests, its pinned files and images, and the scores of one
 * iteration, which are made again in a folder of their own. Changes nothing in the run and takes no lock.
 *
 * @throws Refusal `input.invalid` for an iteration without scores; those of the executor and of reading the tables;
 * `metric.not-reproduced` when the program that was to score did not succeed.
 */
export async function auditRun(runDir: string, named: string | undefined, deps: Deps, tell = (_text: string) => {}) {
  const run = await readRun(runDir, { ...deps, whole: true });
  const label = evaluatedLabel(run, named);
  const findings: Finding[] = [];
  if (!run.integrity.ok) findings.push({ what: run.integrity.what, facts: run.integrity.facts });
  const pins = await changedPins(run.state);
  if (pins.length > 0) findings.push({ what: "Committed artifacts were changed", facts: changedFacts(pins) });
  const images = await changedImages(runDir, run.state);
  if (images.length > 0) findings.push({ what: "Images of the rows were exchanged", facts: changedFacts(images) });
  tell(`scoring the KPI set of ${label} again`);
  const executor = await executorOf(run, deps);
  const again = async (what: string, at: Pick<Rescore, "label" | "set">) => {
    const { proof, differences } = await withScratchFolder(join(tmpdir(), "deft-audit"), (scratch) =>
      scoreAgain(run, at, scratch, executor, deps),
    );
    if (differences !== undefined) findings.push({ what, facts: differences });
    return proof;
  };
  const proof = await again("The scores are not those of checkpoint and images", { label, set: "kpi" });
  const frozen = run.state.holdout?.iteration;
  const holdout =
    frozen !== undefined && isIterationLabel(frozen)
      ? await again("The frozen test set has other scores than were recorded", { label: frozen, set: "holdout" })
      : undefined;
  const { program, far_pct } = run.state.iterations[label] ?? {};
  return {
    run_dir: runDir,
    proof,
    ...defined({ holdout }),
    far_pct,
    program,
    findings,
    notes: notesOf(program, proof),
  };
}

function evaluatedLabel({ runDir, state }: Run, named: string | undefined): IterationLabel {
  const evaluated = Object.keys(state.iterations).filter(
    (label) => state.iterations[label]?.inference_csv !== undefined,
  );
  const label = named === undefined ? evaluated.at(-1) : evaluated.find((one) => one === named);
  if (label !== undefined && isIterationLabel(label)) return label;
  const facts = { run: runDir, ...defined({ iteration: named && excerpt(named, 40) }), evaluated };
  throw new Refusal("input.invalid", "That iteration has no scores to audit.", facts);
}

/** The scratch folder takes the run's place for the executor: job records and what a platform notes lie there. */
async function scoreAgain(
  run: Run,
  { label, set }: Pick<Rescore, "label" | "set">,
  scratch: string,
  executor: Executor,
  deps: Deps,
) {
  const { state, runDir } = run;
  const { jobs } = runPaths(scratch);
  await makeDirectory(jobs, 0o700);
  await copyNew(runPaths(runDir).state, runPaths(scratch).state);
  const readiness = join(runPaths(runDir).jobs, "readiness.json");
  if ((await kindOf(readiness)) === "file") await copyNew(readiness, join(jobs, "readiness.json"));
  const wish: Rescore = {
    runDir,
    state,
    label,
    dir: join(scratch, "scores"),
    jobId: `${label}-evaluate-1-audit`,
    set,
    seed: deps.ids.hex(16),
  };
  const planned = await prepareRescore(wish);
  const at = isoSeconds(deps.clock.now());
  const exit = await runToEnd(scratch, { spec: planned.job, platform: executor.platform, created_at: at }, executor);
  return await compareRescored(wish, planned, exit, { at, program: await executor.program?.(scratch) });
}

async function runToEnd(base: string, record: JobRecord, executor: Executor): Promise<JobExit> {
  await saveRecord(base, record);
  const started = { ...record, handle: await executor.start(base, record.spec) };
  await saveRecord(base, started);
  const ended = await waitUntil(async () => {
    const now = await executor.poll(base, started);
    return now.state === "ended" ? now.exit : undefined;
  }, pace);
  const exit = ended ?? { outcome: "lost" as const };
  await executor.discard?.(base, { ...started, exit });
  return exit;
}

function notesOf(program: string | undefined, proof: ScoreProof): string[] {
  const notes: string[] = [];
  if (proof.level === "sampled") {
    notes.push(`A random sample of ${proof.rows} of ${proof.of_rows} rows was scored again (seed ${proof.seed}).`);
  }
  if (program !== undefined && proof.program !== undefined && program !== proof.program) {
    notes.push(`Another program scored now (${proof.program}) than in the run (${program}).`);
  }
  return notes;
}
