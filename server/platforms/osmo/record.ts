import { z } from "zod";
import { writeAtomic } from "../../fs/atomic.ts";
import { sha256 } from "../../fs/hash.ts";
import { readAsIfPresent } from "../../fs/json.ts";
import type { JobRecord } from "../../run/job.ts";

/** Files of a job that runs as an OSMO task, beside those of all durable work. */
export function osmoFiles(stem: string) {
  return { task: `${stem}.osmo`, workflow: `${stem}.osmo.yaml` };
}

/** `jobs/<id>.osmo`: what was sent to OSMO, on disk before it is sent. */
const taskSchema = z.object({
  /** Occurs in no other workflow, so a lost answer can be looked up by it. */
  workflow_name: z.string(),
  /** Names this submit in the output prefix and in the manifest that the task writes last. */
  stamp: z.string(),
  pool: z.string(),
  output_url: z.string(),
  state: z.enum(["staging", "sending", "submitted"]),
  sent_at: z.string().optional(),
  workflow_id: z.string().optional(),
  /** Status at the last look, with the last line of the task's log. */
  status: z.string().optional(),
  last_line: z.string().optional(),
});
export type OsmoTask = z.output<typeof taskSchema>;

export async function readTask(stem: string): Promise<OsmoTask | undefined> {
  return await readAsIfPresent(osmoFiles(stem).task, taskSchema);
}

export async function saveTask(stem: string, task: OsmoTask): Promise<void> {
  await writeAtomic(osmoFiles(stem).task, `${JSON.stringify(task, null, 2)}\n`);
}

/** What a submit is known by; the same for the same record, so that a keeper that starts anew goes on with it. */
export function taskIdentity(runDir: string, record: Pick<JobRecord, "spec" | "created_at">) {
  const stamp = sha256(`${runDir}\n${record.spec.id}\n${record.created_at}`).slice(0, 12);
  return { stamp, workflow_name: `deft-${record.spec.id.slice(0, 40).replaceAll("_", "-")}-${stamp}` };
}
