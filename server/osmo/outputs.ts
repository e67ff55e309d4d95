import { join } from "node:path";
import { excerpt, Refusal } from "../errors.ts";
import { type OsmoClient, openClient } from "../exec/osmo/client.ts";
import { containedPath } from "../fs/contained.ts";
import type { Call } from "../ports/call.ts";
import { makeArchive } from "./archive.ts";
import { flowIds } from "./flow.ts";
import { flows } from "./flow-table.ts";
import { checkKnob } from "./knobs.ts";
import { locateWorkflow } from "./locate.ts";
import { makePreview } from "./preview.ts";
import { isFlowId } from "./questions.ts";
import type { OutputReport, Run } from "./run-outputs.ts";
import { listRuns } from "./runs.ts";
import { defaultsOf } from "./settle.ts";
import { runOfSpec } from "./spec-run.ts";
import { listSubmissions } from "./submissions.ts";
import { failedUploads } from "./uploads.ts";

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

/**
 * Fetches a run's outputs as a preview page or one archive below the workspace. Without `run` the only one that is
 * known; of several, the list.
 *
 * @throws Refusal `osmo.no-outputs`, `osmo.unknown-run`.
 */
export async function fetchOutputs(call: Call, args: OutputArgs): Promise<OutputReport> {
  const client = openClient({ ...call.deps, signal: call.signal });
  const named = (await listSubmissions(call.deps.env)).filter(({ workflow_id }) => workflow_id !== undefined);
  if (args.run === undefined && named.length !== 1) {
    const known = await listRuns(call.deps.env, client);
    if (known.runs.length === 0) await locateWorkflow(call.deps.env, undefined);
    return { status_line: `${known.runs.length} runs are known; pass one of them as run.`, ...known };
  }
  const run = await runOf(call, client, args);
  const workspace = args.workspace ?? call.deps.env.DEFT_WORKSPACE ?? call.deps.cwd;
  const wanted = args.target_dir ?? join(workspace, "outputs", run.name);
  const base = await containedPath([workspace], join(wanted.startsWith("/") ? "" : workspace, wanted), "target_dir");
  try {
    return await (args.mode === "preview"
      ? makePreview(client, run, base, args.samples ?? 8)
      : makeArchive(call, client, run, base, args.words));
  } catch (error) {
    throw error instanceof Refusal && error.code === "osmo.no-outputs" ? await explained(client, run, error) : error;
  }
}

/** Why a run has no outputs, as far as its workflow tells. */
async function explained(client: OsmoClient, run: Run, refusal: Refusal): Promise<Refusal> {
  if (run.workflow_id === undefined) return refusal;
  const workflow = await client.query(run.workflow_id);
  const facts = { ...refusal.facts, workflow_id: run.workflow_id, status: workflow.status };
  if (workflow.status !== "COMPLETED") return new Refusal(refusal.code, refusal.message, facts);
  const uploads = await failedUploads(client, workflow);
  const why =
    uploads.length > 0 ? "It COMPLETED, but its uploads failed." : "It COMPLETED, but the storage has nothing of it.";
  return new Refusal(refusal.code, why, { ...facts, upload_failed: uploads });
}

async function runOf(call: Call, client: OsmoClient, args: OutputArgs): Promise<Run> {
  // A run name ends in eight digits; what ends in fewer is a workflow id, whose spec tells the rest.
  if (args.flow && args.root && args.run && !/-\d{1,7}$/.test(args.run)) {
    if (!isFlowId(args.flow)) {
      throw new Refusal("osmo.unknown-run", `There is no flow ${excerpt(args.flow, 60)}.`, { flows: flowIds });
    }
    const { dig_url_root: root, workflow_name: name } = checkedPlace(args.root, args.run);
    return { name, flow: args.flow, root, values: defaultsOf(flows[args.flow]), workflow_id: undefined };
  }
  const { submission, workflow_id } = await locateWorkflow(call.deps.env, args.run);
  if (!submission) return await runOfSpec(client, workflow_id);
  if (!submission.name) {
    const facts = { workflow_id, flow: submission.flow, root: submission.root };
    throw new Refusal("osmo.no-outputs", "A setup flow has no run: its outputs have fixed places.", facts);
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
