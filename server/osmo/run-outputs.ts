import { Refusal } from "../errors.ts";
import type { OsmoClient } from "../exec/osmo/client.ts";
import type { FlowId } from "./flow.ts";

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

/** Keys of a stage relative to it; `data list` prints bucket-relative ones. */
export async function stageKeys(client: OsmoClient, run: Run, stage: string): Promise<string[]> {
  const mark = `runs/${run.name}/${stage}/`;
  const keys = await client.listData(stageUrl(run, stage), true);
  const below = keys.flatMap((key) => (key.includes(mark) ? [key.slice(key.indexOf(mark) + mark.length)] : []));
  return below.filter((key) => !key.startsWith("/") && !key.split("/").includes(".."));
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
