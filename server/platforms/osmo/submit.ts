import { isCancelled } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import type { OsmoClient } from "../../exec/osmo/client.ts";
import { submitOutcome } from "../../exec/osmo/submit-outcome.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import type { JobRecord } from "../../run/job.ts";
import { waitUntil } from "../../run/wait.ts";
import { chooseImages } from "../docker/images.ts";
import { inputsOf } from "./inputs.ts";
import { type OsmoTask, osmoFiles, readTask, saveTask, taskIdentity } from "./record.ts";
import { osmoSettings } from "./settings.ts";
import { stageInputs } from "./staging.ts";
import { renderTask } from "./task.ts";

export type Sending = {
  readonly stem: string;
  readonly runDir: string;
  readonly record: JobRecord;
  readonly env: NodeJS.ProcessEnv;
  readonly client: OsmoClient;
  readonly pace: { readonly most_ms: number; readonly settle_ms: number };
};

const dayMs = 24 * 3600 * 1000;

/**
 * The job's workflow, submitted once: its name is on disk before it is sent, and a submit without a known end is looked
 * up by that name until it is sure that nobody took it. Undefined when the job was cancelled before it was sent.
 *
 * @throws Refusal of the service; `osmo.submit-unknown` when no answer came and the workflow is not to be found yet.
 */
export async function submittedTask(sending: Sending): Promise<OsmoTask | undefined> {
  const { stem } = sending;
  const known = await readTask(stem);
  if (known?.state === "submitted") return known;
  if (known?.state === "sending") {
    const found = await lookUp(sending, known);
    if (found !== undefined) return await taken(sending, known, found);
  }
  if (await isCancelled(stem)) return undefined;
  const ready = await stage(sending);
  if (await isCancelled(stem)) return undefined;
  return await send(sending, ready);
}

/** Puts the inputs into the storage and writes the workflow; nothing of it starts anything. */
async function stage({ stem, runDir, record, env, client }: Sending): Promise<OsmoTask> {
  const { spec: job } = record;
  const identity = taskIdentity(runDir, record);
  const settings = requireSettings(env);
  const output_url = `${settings.root}/deft/outputs/${identity.workflow_name}`;
  const task: OsmoTask = { ...identity, pool: settings.pool, output_url, state: "staging" };
  await saveTask(stem, task);
  const inputs = await inputsOf(record);
  const input_urls = await stageInputs(client, settings.root, runDir, inputs);
  const { tao_pyt } = await chooseImages(env);
  const text = renderTask({ job, inputs, image: tao_pyt.uri, settings, ...identity, input_urls, output_url });
  await writeAtomic(osmoFiles(stem).workflow, text);
  return task;
}

function requireSettings(env: NodeJS.ProcessEnv) {
  const settings = osmoSettings(env);
  if (settings) return settings;
  throw new Refusal("executor.unavailable", "This job was started on OSMO, and DEFT_OSMO_TRAIN_POOL is no longer set.");
}

async function send(sending: Sending, ready: OsmoTask): Promise<OsmoTask> {
  const { stem, client } = sending;
  const task: OsmoTask = { ...ready, state: "sending", sent_at: new Date().toISOString() };
  await saveTask(stem, task);
  const argv = ["workflow", "submit", osmoFiles(stem).workflow, "--format-type", "json", "--pool", task.pool];
  const outcome = submitOutcome(await client.submit(argv));
  if (outcome.kind === "taken") return await taken(sending, task, outcome.answer.workflow_id);
  if (outcome.kind === "refused") {
    await saveTask(stem, ready);
    throw outcome.refusal;
  }
  const found = await lookOnce(client, task).catch(() => undefined);
  if (found !== undefined) return await taken(sending, task, found);
  throw new Refusal("osmo.submit-unknown", "No answer came back, so the submit may have been taken.", {
    name: task.workflow_name,
    cause: outcome.refusal.facts,
  });
}

async function taken({ stem }: Sending, task: OsmoTask, workflow_id: string): Promise<OsmoTask> {
  const next: OsmoTask = { ...task, state: "submitted", workflow_id };
  await saveTask(stem, next);
  return next;
}

/** Looks until the workflow is found or the time is over in which a submit that was under way could still arrive. */
async function lookUp({ client, pace }: Sending, task: OsmoTask): Promise<string | undefined> {
  const left = Date.parse(task.sent_at ?? "") + pace.settle_ms - Date.now();
  const often = { first_ms: pace.most_ms, most_ms: pace.most_ms };
  return await waitUntil(() => lookOnce(client, task), often, { deadline: performance.now() + left });
}

/** OSMO appends a counter to the name. */
async function lookOnce(client: OsmoClient, { workflow_name, sent_at }: OsmoTask): Promise<string | undefined> {
  const after = new Date(Date.parse(sent_at ?? "") - dayMs).toISOString().slice(0, 10);
  const { workflows } = await client.list(workflow_name, after);
  const start = `${workflow_name}-`;
  return workflows
    .map(({ name }) => name)
    .find((name) => name.startsWith(start) && /^\d+$/.test(name.slice(start.length)));
}
