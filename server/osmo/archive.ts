import { join, posix } from "node:path";
import { excerpt, Refusal } from "../errors.ts";
import type { OsmoClient } from "../exec/osmo/client.ts";
import { hasStarted } from "../exec/osmo/statuses.ts";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { containedPath } from "../fs/contained.ts";
import { filesBelow, replaceFolder } from "../fs/folder.ts";
import { kindOf } from "../fs/read.ts";
import { writeZip } from "../fs/zip.ts";
import type { Call } from "../ports/call.ts";
import { consentTo } from "./consent.ts";
import { tasksOf } from "./failures.ts";
import { activeTasks, fillPath } from "./flow.ts";
import { flows } from "./flow-table.ts";
import { noOutputs, type OutputReport, type Run, runKeys, stageUrl } from "./run-outputs.ts";

/** Bytes of an average image; the listing tells no sizes. */
const imageBytes = 1_500_000;
const askBeyondBytes = 2_000_000_000;

/** Makes `<run>.zip` below `base`: every stage of the run and the log of every task that ran. */
export async function makeArchive(
  call: Call,
  client: OsmoClient,
  run: Run,
  base: string,
  words: string | undefined,
): Promise<OutputReport> {
  const stages = stagesOf(run);
  const keys = await runKeys(client, run);
  const counts = Object.fromEntries(stages.map((stage) => [stage, keys[stage]?.length ?? 0]));
  const present = stages.filter((stage) => counts[stage] !== 0);
  if (present.length === 0) throw noOutputs(run, Object.fromEntries(stages.map((stage) => [stage, []])));
  await confirmSize(call, run, present, counts, words);
  for (const stage of present) {
    call.progress(`downloading ${stage}`);
    const dir = await containedPath([base], join(base, "download", "runs", stage), "a download");
    if ((await kindOf(dir)) === "directory") continue;
    // Only a whole download takes the stage's name, so an interrupted one is never reused.
    await replaceFolder(dir, (fresh) => client.download(stageUrl(run, stage), fresh));
  }
  await writeLogs(client, run, join(base, "download", "logs"));
  const root = join(base, "download");
  const path = join(base, `${run.name}.zip`);
  const replaced = (await kindOf(path)) !== "absent";
  const names = await filesBelow(root);
  await writeZip(path, root, names);
  const missing = stages.filter((stage) => counts[stage] === 0);
  return {
    status_line: `${names.length} files of ${run.name}: ${path}${missing.length > 0 ? `; nothing in ${missing.join(", ")}` : ""}`,
    path,
    replaced,
    files: names.length,
    missing,
  };
}

/** Stages of this run, in order: the last part of each output. */
function stagesOf(run: Run): string[] {
  return activeTasks(flows[run.flow], run.values).map((task) =>
    posix.basename(fillPath(task.output, { ...run.values, name: run.name })),
  );
}

/** Checkpoints are several gigabytes each; images are counted. */
async function confirmSize(
  call: Call,
  run: Run,
  stages: readonly string[],
  counts: Readonly<Record<string, number>>,
  words: string | undefined,
): Promise<void> {
  const files = stages.reduce((sum, stage) => sum + (counts[stage] ?? 0), 0);
  const large = stages.includes("finetune") || files * imageBytes > askBeyondBytes;
  if (!large) return;
  await consentTo(call, {
    key: `archive:${run.name}`,
    title: `Download the outputs of ${run.name}?`,
    rows: [`${files} files, probably more than 2 GB${stages.includes("finetune") ? " (checkpoints)" : ""}`],
    words,
    preauthorised: false,
    terminal: `deft-mcp osmo outputs ${run.name} --mode archive`,
  });
}

async function writeLogs(client: OsmoClient, run: Run, dir: string): Promise<void> {
  await makeDirectory(dir);
  if (run.workflow_id === undefined) return;
  for (const { name, status } of tasksOf(await client.query(run.workflow_id))) {
    if (!hasStarted(status)) continue;
    const text = await client.logs(run.workflow_id, name, 5000, 60).catch((error: unknown) => {
      if (error instanceof Refusal) return `The log could not be read: ${excerpt(error.message)}\n`;
      throw error;
    });
    await writeAtomic(join(dir, `${name}.log`), text);
  }
}
