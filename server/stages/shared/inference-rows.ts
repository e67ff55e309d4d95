import { changeNetLines, mandatoryColumns } from "../../data/changenet.ts";
import { excerpt, type Facts } from "../../errors.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { kindOf } from "../../fs/read.ts";
import type { GateFacts, StageContext } from "../../ports/stage.ts";
import { previousLabel } from "../../run/labels.ts";
import { asEvidence } from "./evidence.ts";

export type InferenceFacts = NonNullable<GateFacts["inferences"]>[number];

/**
 * How an inference stands to the CSV that was to be scored, row by row and by position, because equal keys may occur
 * twice; and whether an earlier iteration's inference has the very same bytes.
 */
export async function inferenceFacts(context: StageContext, asked: string, csv: string): Promise<InferenceFacts> {
  const { rows, scored, difference } = await asEvidence(csv, () => compareRows(asked, csv));
  const same_as = await sameEarlier(context, csv);
  return { csv, kpi_rows: rows, inference_rows: scored, difference, same_as };
}

export type RowComparison = {
  readonly rows: number;
  readonly scored: number;
  /** The first row of the inference that is not the one at its place in the set that was to be scored. */
  readonly difference?: Facts | undefined;
};

/** Reads both files side by side, a piece at a time. @throws what reading them throws. */
export async function compareRows(asked: string, csv: string): Promise<RowComparison> {
  const inference = changeNetLines(csv);
  let [rows, scored] = [0, 0];
  let difference: Facts | undefined;
  try {
    for await (const { row } of changeNetLines(asked)) {
      rows++;
      const { value: other } = await inference.next();
      if (!other) continue;
      scored++;
      const column = mandatoryColumns.find((name) => row[name] !== other.row[name]);
      if (column === undefined || difference !== undefined) continue;
      const [expected, actual] = [excerpt(row[column], 80), excerpt(other.row[column], 80)];
      difference = { line: other.line, column, expected, actual };
    }
    for await (const _more of inference) scored++;
  } finally {
    await inference.return();
  }
  return { rows, scored, difference };
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
