import { pythonFloat } from "../../server/kpi/python-text.ts";
import { EngineFailure } from "../failure.ts";
import { type EngineIo, logLine } from "../io.ts";
import { PAIR_FEATURES, PAIR_KIND } from "../pair/features.ts";
import type { ChangenetSpec, Task } from "../spec/changenet-spec.ts";
import { type Checkpoint, loadCheckpoint, requireSameModel } from "./checkpoint.ts";
import { committeeOdds } from "./committee.ts";

/** Loads the checkpoint that a task names. @throws EngineFailure when none is named or it does not fit the spec. */
export function loadTaskCheckpoint(spec: ChangenetSpec, task: Task, io: EngineIo): Checkpoint {
  if (spec.checkpoint === undefined) {
    throw new EngineFailure("MissingMandatoryValue", `Missing mandatory value: ${task}.checkpoint`);
  }
  const checkpoint = loadCheckpoint(spec.checkpoint);
  requireSameModel(checkpoint, {
    inputs: PAIR_FEATURES * Math.max(1, spec.lights.length),
    feature_kind: PAIR_KIND,
    difference_module: spec.difference_module,
  });
  logLine(io, "INFO", `Loaded checkpoint ${spec.checkpoint}`);
  return checkpoint;
}

/**
 * The `siamese_score` of one pair, rounded to float32: the probability of a defect for a learnable difference module, an
 * unbounded distance from 0 for a euclidean one. Higher means more defective.
 */
export function scorePair({ members, difference_module }: Checkpoint, features: ArrayLike<number>): number {
  const z = committeeOdds(members, features);
  if (difference_module === "learnable") return Math.fround(1 / (1 + Math.exp(-z)));
  return Math.fround(z > 30 ? z : Math.log1p(Math.exp(z)));
}

/** A float32 as pandas writes it: the shortest digits that read back as the same float32, exponent with two digits. */
export function float32Text(value: number): string {
  if (Number.isNaN(value)) return "";
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return pythonFloat(short);
  }
  return pythonFloat(value);
}
