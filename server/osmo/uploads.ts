import type { OsmoClient } from "../exec/osmo/client.ts";
import type { WorkflowAnswer } from "../exec/osmo/shapes.ts";
import { tasksOf } from "./failures.ts";
import { uploadFailures } from "./upload-lines.ts";

/** A task whose outputs did not all reach the storage, with the files that its log names. */
export type FailedUpload = { readonly task: string; readonly files: readonly string[] };

const lookLines = 500;
const lookSec = 20;

/** OSMO completes a task although its uploads failed; only the platform's lines in the log tell. */
export async function failedUploads(client: OsmoClient, workflow: WorkflowAnswer): Promise<FailedUpload[]> {
  const done = tasksOf(workflow).filter(({ status }) => status === "COMPLETED");
  const looked = await Promise.all(
    done.map(async ({ name }) => ({
      task: name,
      files: uploadFailures(await client.logs(workflow.name, name, lookLines, lookSec)),
    })),
  );
  return looked.flatMap(({ task, files }) => (files === undefined ? [] : [{ task, files }]));
}
