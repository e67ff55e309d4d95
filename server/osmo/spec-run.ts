import { Refusal } from "../errors.ts";
import type { OsmoClient } from "../exec/osmo/client.ts";
import { defined } from "../run/defined.ts";
import { flows } from "./flow-table.ts";
import type { Run } from "./run-outputs.ts";
import { defaultsOf } from "./settle.ts";

/** A run that was submitted elsewhere, from the spec that OSMO keeps of it. @throws Refusal `osmo.unknown-run`. */
export async function runOfSpec(client: OsmoClient, workflow_id: string): Promise<Run> {
  const spec = await client.spec(workflow_id);
  const [, root, name] = /([a-z0-9]+:\/\/[^\s"']+)\/runs\/([A-Za-z][\w-]*)\//.exec(spec) ?? [];
  const has = (task: string) => new RegExp(`name:\\s*["']?${task}["']?\\s*$`, "m").test(spec);
  const [flow] = Object.values(flows)
    .filter(({ tasks }) => tasks.every(({ task, only }) => only === "training" || has(task)))
    .sort((a, b) => b.tasks.length - a.tasks.length);
  if (root === undefined || name === undefined || flow === undefined) {
    throw new Refusal("osmo.unknown-run", "The spec of that workflow is none of the known flows.", { workflow_id });
  }
  const training = flow.tasks.some(({ only }) => only === "training") && has("finetune");
  const values = { ...defaultsOf(flow), ...defined({ use_pretrained_checkpoint: training ? "false" : undefined }) };
  return { name, flow: flow.id, root, values, workflow_id };
}
