import { z } from "zod";
import { writeAtomic } from "../../fs/atomic.ts";
import { sha256 } from "../../fs/hash.ts";
import { readAsIfPresent } from "../../fs/json.ts";
import type { JobRecord } from "../../run/job.ts";

/** `jobs/<id>.slurm`: what was sent to SLURM, on disk before it is sent. */
const taskSchema = z.object({
  /** Occurs in no other submit, so a lost answer can be looked up by it. */
  name: z.string(),
  state: z.enum(["sending", "submitted"]),
  sent_at: z.string(),
  job_id: z.string().optional(),
  /** How it stood at the last look. */
  status: z.string().optional(),
});
export type SlurmTask = z.output<typeof taskSchema>;

export function taskPath(stem: string): string {
  return `${stem}.slurm`;
}

export async function readTask(stem: string): Promise<SlurmTask | undefined> {
  return await readAsIfPresent(taskPath(stem), taskSchema);
}

export async function saveTask(stem: string, task: SlurmTask): Promise<void> {
  await writeAtomic(taskPath(stem), `${JSON.stringify(task)}\n`);
}

/** What a submit is known by; the same for the same record, so that a keeper that starts anew goes on with it. */
export function taskName(runDir: string, { spec, created_at }: Pick<JobRecord, "spec" | "created_at">): string {
  const stamp = sha256(`${runDir}\n${spec.id}\n${created_at}`).slice(0, 12);
  return `deft-${spec.id.slice(0, 60)}-${stamp}`;
}
