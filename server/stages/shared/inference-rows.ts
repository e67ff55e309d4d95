import { type ChangeNetTable, mandatoryColumns, readChangeNet } from "../../data/changenet.ts";
import { excerpt, type Facts } from "../../errors.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { kindOf } from "../../fs/read.ts";
import type { GateFacts, StageContext } from "../../ports/stage.ts";
import { previousLabel } from "../../run/labels.ts";
import { asEvidence } from "./evidence.ts";

export type InferenceFacts = NonNullable<GateFacts["inferences"]>[number];

/**
 * How an inference stands to the KPI CSV, row by row and by position, because equal keys may occur twice; and whether
 * an earlier iteration's inference has the very same bytes.
 */
export async function inferenceFacts(context: StageContext, kpi: ChangeNetTable, csv: string): Promise<InferenceFacts> {
  const inference = await asEvidence(csv, () => readChangeNet(csv));
  const difference = firstOtherRow(kpi, inference);
  const same_as = await sameEarlier(context, csv);
  return { csv, kpi_rows: kpi.rows.length, inference_rows: inference.rows.length, difference, same_as };
}

/** The first row of an inference that is not the one at its place in the set that was to be scored. */
export function firstOtherRow(kpi: ChangeNetTable, inference: ChangeNetTable): Facts | undefined {
  for (const [at, row] of kpi.rows.entries()) {
    const other = inference.rows[at];
    const column = other && mandatoryColumns.find((name) => row[name] !== other[name]);
    if (column === undefined) continue;
    const [expected, actual] = [excerpt(row[column], 80), excerpt(other?.[column] ?? "", 80)];
    return { line: inference.lines[at], column, expected, actual };
  }
  return undefined;
}

async function sameEarlier(context: StageContext, csv: string): Promise<string | undefined> {
  const digest = await sha256OfFile(csv);
  for (let label = previousLabel(context.iteration); label !== undefined; label = previousLabel(label)) {
    const earlier = context.state.iterations[label]?.inference_csv;
    if (earlier === undefined || (await kindOf(earlier)) !== "file") continue;
    if ((await sha256OfFile(earlier)) === digest) return earlier;
  }
  return undefined;
}
