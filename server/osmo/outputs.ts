import { extname, join, posix } from "node:path";
import { excerpt, Refusal } from "../errors.ts";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { containedPath } from "../fs/contained.ts";
import { copyNew } from "../fs/copy.ts";
import { filesBelow, replaceFolder, withScratchFolder } from "../fs/folder.ts";
import { kindOf, readBytes } from "../fs/read.ts";
import { writeNew } from "../fs/tree.ts";
import { writeZip } from "../fs/zip.ts";
import type { Call } from "../loop/call.ts";
import { type OsmoClient, openClient } from "./client.ts";
import { obtainConsent } from "./consent.ts";
import { tasksOf } from "./failures.ts";
import { activeTasks, type FlowId, fillPath, flowIds } from "./flow.ts";
import { flows } from "./flow-table.ts";
import { checkKnob } from "./knobs.ts";
import { locateWorkflow } from "./locate.ts";
import { previewPage } from "./preview-page.ts";
import { isFlowId } from "./questions.ts";
import { previewColumns, type Selection, selectSamples } from "./samples.ts";
import { defaultsOf } from "./settle.ts";
import { hasStarted } from "./statuses.ts";
import { thumbnailOf } from "./thumbnail.ts";

export type OutputArgs = {
  readonly run?: string | undefined;
  readonly mode: "preview" | "archive";
  readonly samples?: number | undefined;
  readonly target_dir?: string | undefined;
  readonly workspace?: string | undefined;
  /** For a run that was not submitted here: its flow and storage root. */
  readonly flow?: string | undefined;
  readonly root?: string | undefined;
  readonly words?: string | undefined;
};

export type OutputReport = {
  status_line: string;
  path: string;
  replaced: boolean;
  columns?: string[];
  dropped?: string[];
  samples?: number;
  files?: number;
  missing?: string[];
};

type Run = {
  name: string;
  flow: FlowId;
  root: string;
  values: Record<string, string>;
  workflow_id: string | undefined;
};

/** Fetches a run's outputs as a preview page or one archive below the workspace. @throws Refusal `osmo.no-outputs`. */
export async function fetchOutputs(call: Call, args: OutputArgs): Promise<OutputReport> {
  const run = await runOf(call, args);
  const workspace = args.workspace ?? call.deps.env.DEFT_WORKSPACE ?? call.deps.cwd;
  const wanted = args.target_dir ?? join(workspace, "outputs", run.name);
  const base = await containedPath([workspace], join(wanted.startsWith("/") ? "" : workspace, wanted), "target_dir");
  const client = openClient({ env: call.deps.env, signal: call.signal });
  return args.mode === "preview"
    ? makePreview(client, run, base, args.samples ?? 8)
    : makeArchive(call, client, run, base, args.words);
}

async function runOf(call: Call, args: OutputArgs): Promise<Run> {
  if (args.flow && args.root && args.run) {
    if (!isFlowId(args.flow)) {
      throw new Refusal("osmo.unknown-run", `There is no flow ${excerpt(args.flow, 60)}.`, { flows: flowIds });
    }
    const { dig_url_root: root, workflow_name: name } = checkedPlace(args.root, args.run);
    return { name, flow: args.flow, root, values: defaultsOf(flows[args.flow]), workflow_id: undefined };
  }
  const { submission, workflow_id } = await locateWorkflow(call.deps.env, args.run);
  if (!submission?.name) {
    throw new Refusal("osmo.unknown-run", "The run name of that workflow is not recorded here.", { workflow_id });
  }
  const { name, flow, root, set } = submission;
  return { name, flow, root, values: { ...defaultsOf(flows[flow]), ...set }, workflow_id };
}

/** Root and run name in the form that every submit here has. */
function checkedPlace(root: string, run: string) {
  const { finetune } = flows;
  return {
    dig_url_root: checkKnob(finetune, "dig_url_root", root.replace(/\/+$/, "")),
    workflow_name: checkKnob(finetune, "workflow_name", run),
  };
}

const stageUrl = (run: Run, stage: string) => `${run.root}/runs/${run.name}/${stage}`;

/** Stages of this run, in order: the last part of each output. */
function stagesOf(run: Run): string[] {
  return activeTasks(flows[run.flow], run.values).map((task) =>
    posix.basename(fillPath(task.output, { ...run.values, name: run.name })),
  );
}

/** Keys of a stage relative to it; `data list` prints bucket-relative ones. */
async function stageKeys(client: OsmoClient, run: Run, stage: string): Promise<string[]> {
  const mark = `runs/${run.name}/${stage}/`;
  const keys = await client.listData(stageUrl(run, stage), true);
  return keys.flatMap((key) => (key.includes(mark) ? [key.slice(key.indexOf(mark) + mark.length)] : []));
}

async function makePreview(client: OsmoClient, run: Run, base: string, count: number): Promise<OutputReport> {
  const columns = previewColumns[run.flow];
  if (!columns) throw new Refusal("osmo.no-outputs", `${run.flow} makes no images to show.`, { flow: run.flow });
  const stages = [...new Set(columns.map(({ stage }) => stage))];
  const keys: Record<string, string[]> = {};
  for (const stage of stages) keys[stage] = await stageKeys(client, run, stage);
  const selection = selectSamples(columns, keys, count);
  if (selection.samples.length === 0) throw noOutputs(run, keys);
  const dir = join(base, "preview");
  const replaced = (await kindOf(dir)) !== "absent";
  await replaceFolder(dir, async (fresh) => {
    const images = await collectImages(client, run, base, fresh, selection);
    const page = previewPage({ name: run.name, title: flows[run.flow].title }, selection, images);
    await writeAtomic(join(fresh, "index.html"), page);
  });
  const path = join(dir, "index.html");
  return {
    status_line: `${selection.samples.length} samples of ${run.name} in ${selection.columns.length} columns: ${path}`,
    path,
    replaced,
    columns: selection.columns.map(({ title }) => title),
    dropped: [...selection.dropped],
    samples: selection.samples.length,
  };
}

function noOutputs(run: Run, keys: Record<string, string[]>): Refusal {
  const found = Object.fromEntries(Object.entries(keys).map(([stage, list]) => [stage, list.length]));
  return new Refusal("osmo.no-outputs", "No frame is there in the first stage's layout.", {
    name: run.name,
    looked_in: `${run.root}/runs/${run.name}`,
    files: found,
  });
}

/** Copies the chosen images into `col<K>`, from an earlier archive's download where there is one. */
async function collectImages(client: OsmoClient, run: Run, base: string, fresh: string, selection: Selection) {
  return withScratchFolder(join(base, "fetch"), async (scratch) => {
    for (const [index] of selection.columns.entries()) await makeDirectory(join(fresh, `col${index + 1}`));
    const rows: string[][] = [];
    for (const sample of selection.samples) {
      const row: string[] = [];
      for (const [index, key] of sample.keys.entries()) {
        const stage = selection.columns[index]?.stage ?? "";
        const source = join(await sourceOf(client, run, base, scratch, stage, posix.dirname(key)), posix.basename(key));
        row.push(await placeImage(source, fresh, `col${index + 1}/${sample.id.replace(/[^\w.-]/g, "_")}`));
      }
      rows.push(row);
    }
    return rows;
  });
}

/** Copies one image, a very large frame as a small JPEG, and returns its path below the page. */
async function placeImage(source: string, fresh: string, stem: string): Promise<string> {
  const small = thumbnailOf(await readBytes(source));
  const name = `${stem}${small ? ".small.jpg" : extname(source)}`;
  if (small) await writeNew(join(fresh, name), small);
  else await copyNew(source, join(fresh, name));
  return name;
}

/** The local folder that holds a stage's sub-folder, downloading it when no archive did. */
async function sourceOf(client: OsmoClient, run: Run, base: string, scratch: string, stage: string, folder: string) {
  const archived = join(base, "download", "runs", stage, folder);
  if ((await kindOf(archived)) === "directory") return archived;
  const local = join(scratch, stage, folder);
  if ((await kindOf(local)) !== "directory") {
    // The CLI dies on a target that does not exist.
    await makeDirectory(local);
    await client.download(`${stageUrl(run, stage)}/${folder}`, local);
  }
  return local;
}

/** Bytes of an average image; the listing tells no sizes. */
const imageBytes = 1_500_000;
const askBeyondBytes = 2_000_000_000;

async function makeArchive(
  call: Call,
  client: OsmoClient,
  run: Run,
  base: string,
  words: string | undefined,
): Promise<OutputReport> {
  const stages = stagesOf(run);
  const counts: Record<string, number> = {};
  for (const stage of stages) counts[stage] = (await stageKeys(client, run, stage)).length;
  const present = stages.filter((stage) => counts[stage] !== 0);
  if (present.length === 0) throw noOutputs(run, Object.fromEntries(stages.map((stage) => [stage, []])));
  await confirmSize(call, run, present, counts, words);
  for (const stage of present) {
    call.progress(`downloading ${stage}`);
    const dir = join(base, "download", "runs", stage);
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
  await obtainConsent(call, {
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
