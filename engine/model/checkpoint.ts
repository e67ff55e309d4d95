import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { EngineFailure } from "../failure.ts";
import type { Fit } from "./fit.ts";
import type { Network } from "./network.ts";

/** First characters of every checkpoint of this engine; TAO's are zip archives, so neither takes the other's. */
export const CHECKPOINT_MAGIC = "deft-mcp embedded engine checkpoint 1\n";

/** Name of the link that always names the newest checkpoint. */
export const LATEST_NAME = "changenet_model_classify_latest.pth";

export type Checkpoint = {
  /** 0-based number of the epoch just finished. */
  epoch: number;
  step: number;
  lights: string[];
  feature_kind: string;
  difference_module: "learnable" | "euclidean";
  /** The committee: networks that differ by chance alone and whose log odds are averaged. */
  members: { network: Network; fit: Fit }[];
};

type PackedMember = {
  inputs: number;
  hidden: number;
  mean: string;
  scale: string;
  weights: string;
  fit: { step: number; first: string; second: string };
};

/** TAO's file name for a checkpoint: `model_epoch_004_step_00065.pth`. */
export function checkpointName(epoch: number, step: number): string {
  return `model_epoch_${String(epoch).padStart(3, "0")}_step_${String(step).padStart(5, "0")}.pth`;
}

/** Writes a checkpoint under TAO's name and points the latest link at it; returns its path. */
export function saveCheckpoint(directory: string, checkpoint: Checkpoint): string {
  const path = join(directory, checkpointName(checkpoint.epoch, checkpoint.step));
  const { members, ...facts } = checkpoint;
  const body = {
    ...facts,
    members: members.map(({ network, fit }) => ({
      inputs: network.inputs,
      hidden: network.hidden,
      mean: packed(network.mean),
      scale: packed(network.scale),
      weights: packed(network.weights),
      fit: { step: fit.step, first: packed(fit.first), second: packed(fit.second) },
    })),
  };
  writeFileSync(`${path}.part`, `${CHECKPOINT_MAGIC}${JSON.stringify(body)}\n`);
  renameSync(`${path}.part`, path);
  const link = join(directory, LATEST_NAME);
  rmSync(link, { force: true });
  symlinkSync(basename(path), link);
  return path;
}

/**
 * Reads a checkpoint of this engine.
 *
 * @throws EngineFailure `FileNotFoundError` when absent; `RuntimeError` when it is another program's or damaged.
 */
export function loadCheckpoint(path: string): Checkpoint {
  let text: string;
  try {
    text = readFileSync(path, "latin1");
  } catch (error) {
    throw new EngineFailure("FileNotFoundError", `[Errno 2] No such file or directory: '${path}'`, { cause: error });
  }
  if (!text.startsWith(CHECKPOINT_MAGIC)) {
    throw new EngineFailure("RuntimeError", `${path} is not a checkpoint of the embedded engine`);
  }
  try {
    const { members, ...facts } = JSON.parse(text.slice(CHECKPOINT_MAGIC.length));
    return {
      ...facts,
      members: members.map((member: PackedMember) => {
        const { inputs, hidden, mean, scale, weights, fit } = member;
        return {
          network: { inputs, hidden, mean: unpacked(mean), scale: unpacked(scale), weights: unpacked(weights) },
          fit: { step: fit.step, first: unpacked(fit.first), second: unpacked(fit.second) },
        };
      }),
    };
  } catch (error) {
    throw new EngineFailure("RuntimeError", `${path} is damaged`, { cause: error });
  }
}

/**
 * Checks that a checkpoint fits the model that the spec describes.
 *
 * @throws EngineFailure `RuntimeError` in the wording of a strict state-dict load.
 */
export function requireSameModel(
  checkpoint: Checkpoint,
  model: { inputs: number; feature_kind: string; difference_module: string },
): void {
  const inputs = checkpoint.members[0]?.network.inputs;
  const same =
    inputs === model.inputs &&
    checkpoint.feature_kind === model.feature_kind &&
    checkpoint.difference_module === model.difference_module;
  if (same) return;
  throw new EngineFailure(
    "RuntimeError",
    `Error(s) in loading state_dict for ChangeNetPlModel: checkpoint has ${inputs} inputs of ` +
      `${checkpoint.feature_kind} (${checkpoint.difference_module}), the spec asks for ${model.inputs} of ` +
      `${model.feature_kind} (${model.difference_module})`,
  );
}

function packed(values: Float64Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
}

function unpacked(text: string): Float64Array {
  const bytes = Buffer.from(text, "base64");
  const out = new Float64Array(bytes.length / 8);
  for (let i = 0; i < out.length; i++) out[i] = bytes.readDoubleLE(i * 8);
  return out;
}
