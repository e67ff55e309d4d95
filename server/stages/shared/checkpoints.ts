import { join } from "node:path";
import { fileFacts, listNames } from "../../fs/read.ts";

/** A periodic checkpoint; `epoch` is the 0-based epoch just finished (tao-stages 3.2). */
export type Checkpoint = {
  readonly path: string;
  readonly epoch: number;
  readonly step: number;
  readonly size_bytes: number;
  readonly mtime_ms: number;
  readonly ino: number;
};

const periodic = /^model_epoch_(\d{3,})_step_(\d{5,})\.pth$/;

/** Periodic checkpoints of a train directory by (epoch, step); `*_latest.pth` is a link to one of them and left out. */
export async function listCheckpoints(trainDir: string): Promise<Checkpoint[]> {
  const found: Checkpoint[] = [];
  for (const name of await listNames(trainDir)) {
    const parts = periodic.exec(name);
    const path = join(trainDir, name);
    const facts = parts ? await fileFacts(path) : undefined;
    if (parts && facts) found.push({ path, epoch: Number(parts[1]), step: Number(parts[2]), ...facts });
  }
  return found.sort((a, b) => a.epoch - b.epoch || a.step - b.step);
}

/**
 * Checkpoints that TAO's top-k checkpointer keeps by the metric it monitors, by epoch. Their epoch is counted like that of
 * periodic ones; the step is not in their name.
 */
export async function listMonitored(trainDir: string): Promise<Checkpoint[]> {
  const found: Checkpoint[] = [];
  for (const name of await listNames(trainDir)) {
    const epoch = /^model_best_(?:epoch=)?(\d+)(?:-v\d+)?\.pth$/.exec(name)?.[1];
    const path = join(trainDir, name);
    const facts = epoch === undefined ? undefined : await fileFacts(path);
    if (facts && facts.size_bytes > 0) found.push({ path, epoch: Number(epoch), step: 0, ...facts });
  }
  return found.sort((a, b) => a.epoch - b.epoch);
}

/** Names of files in a train directory that a training would resume from on its own. */
export async function listResumable(trainDir: string): Promise<string[]> {
  return (await listNames(trainDir)).filter((name) => periodic.test(name) || /_latest\.(pth|tlt)$/.test(name));
}

export type Candidates = {
  readonly latest: Checkpoint;
  /** Lowest validation loss among the epochs that were both validated and saved; the later epoch wins a tie. */
  readonly best_val: Checkpoint | undefined;
  readonly val_loss: number | undefined;
};

/** The checkpoints that evaluate compares; undefined when there is none. */
export function candidatesOf(
  checkpoints: readonly Checkpoint[],
  valLoss: ReadonlyMap<number, number>,
): Candidates | undefined {
  const latest = checkpoints.at(-1);
  if (!latest) return undefined;
  let best: { checkpoint: Checkpoint; loss: number } | undefined;
  for (const checkpoint of checkpoints) {
    const loss = valLoss.get(checkpoint.epoch);
    if (loss !== undefined && (best === undefined || loss <= best.loss)) best = { checkpoint, loss };
  }
  return { latest, best_val: best?.checkpoint, val_loss: best?.loss };
}
