import { join } from "node:path";
import { readTable } from "../../data/csv.ts";
import { excerpt } from "../../errors.ts";
import { readJson } from "../../fs/json.ts";
import { linesIn } from "../../fs/lines.ts";
import { readTail, readText } from "../../fs/read.ts";
import type { StageContext } from "../../ports/stage.ts";
import { runPaths } from "../../run/paths.ts";
import { membersOf } from "../../run/record.ts";
import type { GenerationCounts } from "./allocation.ts";
import { asEvidence, missing } from "./evidence.ts";
import { logLines } from "./log-marker.ts";
import { listImages, type StagedPairs } from "./pair-staging.ts";

/** Where mask placement and synthesis write (tao-stages 1.8). */
export function generationPlaces(context: StageContext) {
  const dir = join(runPaths(context.runDir).iteration(context.iteration), "anomalygen");
  const sdg = join(dir, "sdg");
  return {
    dir,
    amp: join(dir, "amp"),
    testcases: join(dir, "testcase.jsonl"),
    allocation: join(dir, "allocation.json"),
    sdg,
    result: join(sdg, "SDG_result.csv"),
    ng: join(sdg, "reconstructed_image"),
    ok: join(sdg, "original_image"),
    placement_log: join(dir, "prep_testcase.log"),
    synthesis_log: join(dir, "run_sdg.log"),
  };
}

/** File names of images that the content guardrail blanked; they are on disk, black, and must not be used. */
export async function blockedImages(context: StageContext): Promise<Set<string>> {
  const { result, ng } = generationPlaces(context);
  const { header, rows } = await asEvidence(result, () => readTable(result));
  const names = await listImages(ng);
  const at = {
    pass: header.indexOf("guardrail_pass"),
    file: header.indexOf("image_filename"),
    index: header.indexOf("index"),
  };
  const blocked = new Set<string>();
  if (at.pass < 0) return blocked;
  for (const cells of rows) {
    if (Number(cells[at.pass] || "1") !== 0) continue;
    const file = (cells[at.file] ?? "").split("/").at(-1) ?? "";
    const index = Number(cells[at.index]);
    const matches = names.includes(file) ? [file] : names.filter((name) => indexOf(name) === index);
    const [name] = matches;
    if (name === undefined || matches.length > 1) {
      throw missing(result, "does not tell which image was blocked", { image_filename: excerpt(file, 80), index });
    }
    blocked.add(name);
  }
  return blocked;
}

function indexOf(name: string): number {
  return Number(/_(\d+)\.[^.]+$/.exec(name)?.[1] ?? Number.NaN);
}

export async function countImages(
  context: StageContext,
  blocked: number,
  staged: StagedPairs,
): Promise<GenerationCounts> {
  const { testcases, result, ng } = generationPlaces(context);
  let lines = 0;
  for (const _ of linesIn(await readText(testcases))) lines++;
  return {
    requested: context.state.config.anomalygen.num_SDG,
    planned: Object.values(await readAllocation(context)).reduce((sum, count) => sum + count, 0),
    testcases: lines,
    generated: (await listImages(ng)).length,
    result_rows: (await asEvidence(result, () => readTable(result))).rows.length,
    blocked,
    paired: staged.rows.length,
  };
}

/** The planned split; published beside testcase.jsonl. @throws Refusal `stage.evidence-missing`. */
async function readAllocation(context: StageContext): Promise<Record<string, number>> {
  const { allocation } = generationPlaces(context);
  const value = await asEvidence(allocation, () => readJson(allocation));
  const entries = Object.entries(membersOf(value));
  const counts = entries.filter(
    (entry): entry is [string, number] => Number.isInteger(entry[1]) && Number(entry[1]) >= 0,
  );
  const sum = counts.reduce((all, [, count]) => all + count, 0);
  if (counts.length !== entries.length || sum === 0) throw missing(allocation, "is no allocation");
  return Object.fromEntries(counts);
}

const logEndBytes = 1 << 20;

/** What mask placement said about places that it did not find. */
export async function placementNotes(context: StageContext): Promise<string[]> {
  const lines = logLines(await readTail(generationPlaces(context).placement_log, logEndBytes));
  return lines
    .filter((line) => /no ROI|with ROI/i.test(line))
    .slice(-6)
    .map((line) => excerpt(line));
}
