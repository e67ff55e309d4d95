import { Refusal } from "../errors.ts";
import type { OsmoClient } from "../exec/osmo/client.ts";
import type { FlowId } from "./flow.ts";
import type { KnownRun } from "./runs.ts";

export type OutputReport = {
  status_line: string;
  path?: string;
  replaced?: boolean;
  /** This user's runs, when several are known and none was named. */
  runs?: readonly KnownRun[];
  from_osmo?: string;
  columns?: string[];
  dropped?: string[];
  samples?: number;
  files?: number;
  missing?: string[];
};

/** A run whose outputs are wanted. */
export type Run = {
  name: string;
  flow: FlowId;
  root: string;
  values: Record<string, string>;
  workflow_id: string | undefined;
};

/** Where a stage of a run lies. */
export const stageUrl = (run: Run, stage: string) => `${run.root}/runs/${run.name}/${stage}`;

/** Keys of every stage of a run, relative to it, from one listing; `data list` prints bucket-relative ones. */
export async function runKeys(client: OsmoClient, run: Run): Promise<Record<string, string[]>> {
  const mark = `runs/${run.name}/`;
  const stages = new Map<string, string[]>();
  for (const key of await client.listData(`${run.root}/runs/${run.name}`, true)) {
    const [stage = "", ...path] = key.includes(mark) ? key.slice(key.indexOf(mark) + mark.length).split("/") : [];
    if (path.length === 0 || path[0] === "" || [stage, ...path].includes("..")) continue;
    stages.set(stage, [...(stages.get(stage) ?? []), path.join("/")]);
  }
  return Object.fromEntries(stages);
}

/** The refusal `osmo.no-outputs`, with how many files each stage holds. */
export function noOutputs(run: Run, keys: Record<string, string[]>): Refusal {
  const found = Object.fromEntries(Object.entries(keys).map(([stage, list]) => [stage, list.length]));
  return new Refusal("osmo.no-outputs", "No frame is there in the first stage's layout.", {
    name: run.name,
    looked_in: `${run.root}/runs/${run.name}`,
    files: found,
  });
}
