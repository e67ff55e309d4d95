import { Refusal } from "../errors.ts";
import type { OsmoClient } from "../exec/osmo/client.ts";
import { defined } from "../run/defined.ts";
import { listSubmissions } from "./submissions.ts";

/** One run of this user as a list shows it; what was submitted elsewhere has no name and flow here. */
export type KnownRun = {
  readonly name?: string;
  readonly workflow_id?: string;
  readonly flow?: string;
  readonly status: string;
  readonly submitted_at: string;
};

export type KnownRuns = { readonly runs: readonly KnownRun[]; readonly from_osmo: string };

const shown = 20;

/** This user's runs, the newest first: those recorded here and, where OSMO answers, those of its own list. */
export async function listRuns(
  env: Readonly<Record<string, string | undefined>>,
  client: OsmoClient,
): Promise<KnownRuns> {
  const records = await listSubmissions(env);
  const { workflows, from_osmo } = await askOsmo(client);
  const statuses = new Map(workflows.map(({ name, status }) => [name, status]));
  const recorded = records.map(({ key, workflow_id, flow, state, sent_at, refusal }) => ({
    name: key,
    ...defined({ workflow_id }),
    flow,
    status: statuses.get(workflow_id ?? "") ?? (refusal ? `${state}: ${refusal.code}` : state),
    submitted_at: sent_at,
  }));
  const known = new Set(records.map(({ workflow_id }) => workflow_id));
  const elsewhere = workflows
    .filter(({ name }) => !known.has(name))
    .map(({ name, status, submit_time }) => ({ workflow_id: name, status, submitted_at: submit_time ?? "" }));
  const runs = [...recorded, ...elsewhere].sort((a, b) => (a.submitted_at < b.submitted_at ? 1 : -1));
  return { runs: runs.slice(0, shown), from_osmo };
}

async function askOsmo(client: OsmoClient) {
  try {
    const { workflows } = await client.recent();
    return { workflows, from_osmo: `OSMO lists ${workflows.length} of this user's workflows` };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { workflows: [], from_osmo: `only what was submitted here: ${error.message}` };
  }
}
