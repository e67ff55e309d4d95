import { join } from "node:path";
import { excerpt, Refusal } from "../errors.ts";
import { openClient } from "../exec/osmo/client.ts";
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
import { defaultsOf } from "./settle.ts";

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

/** Fetches a run's outputs as a preview page or one archive below the workspace. @throws Refusal `osmo.no-outputs`. */
export async function fetchOutputs(call: Call, args: OutputArgs): Promise<OutputReport> {
  const run = await runOf(call, args);
  const workspace = args.workspace ?? call.deps.env.DEFT_WORKSPACE ?? call.deps.cwd;
  const wanted = args.target_dir ?? join(workspace, "outputs", run.name);
  const base = await containedPath([workspace], join(wanted.startsWith("/") ? "" : workspace, wanted), "target_dir");
  const client = openClient({ ...call.deps, signal: call.signal });
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
