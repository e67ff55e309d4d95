import { join } from "node:path";
import { parseJson } from "../../server/fs/json.ts";
import { EngineFailure } from "../failure.ts";
import { type EngineIo, realPath } from "../io.ts";
import { readFlags } from "../spec/flags.ts";
import { type PrepOptions, planTestcases } from "../synthesis/prepare.ts";
import { runScript } from "../task.ts";

/** AnomalyGen's `prep_testcase`: places defect masks on clean images and writes testcase.jsonl and allocation.json. */
export async function prepTestcase(args: string[], io: EngineIo): Promise<number> {
  return await runScript(io, () => {
    const written = planTestcases(readOptions(args, io), (level, text) => void io.stdout.write(`${level} ${text}\n`));
    if (written > 0) return 0;
    io.stderr.write("error: 0 entries written\n");
    return 1;
  });
}

function readOptions(args: readonly string[], io: EngineIo): PrepOptions {
  const flags = readFlags(args, {
    required: ["name", "num-sdg", "dataset-dir", "clean-dir", "defect-spec", "amp-output-dir", "output-jsonl"],
    optional: ["mode", "per-defect-counts", "guidance", "crop-ratio", "seed"],
  });
  const mode = flags.text("mode") ?? "inference";
  if (mode !== "inference" && mode !== "validation") throw new EngineFailure("ValueError", `unknown mode: ${mode}`);
  const path = (name: string) => realPath(io, flags.text(name) ?? "");
  const datasetDir = path("dataset-dir");
  return {
    name: flags.text("name") ?? "",
    total: flags.whole("num-sdg", 0),
    dataset_dir: datasetDir,
    clean_dir: path("clean-dir"),
    defect_spec: path("defect-spec"),
    labels_path: join(datasetDir, "semantic_segmentation_labels.json"),
    amp_output_dir: path("amp-output-dir"),
    output_jsonl: path("output-jsonl"),
    mode,
    per_defect_counts: readCounts(flags.text("per-defect-counts")),
    guidance: flags.number("guidance", 7),
    crop_ratio: flags.number("crop-ratio", 2),
    seed: flags.whole("seed", 42),
  };
}

function readCounts(text: string | undefined): Record<string, number> | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    const counts = parseJson(text) as Record<string, unknown>;
    const entries = Object.entries(counts).map(([name, count]) => [name, Number(count)] as const);
    if (entries.every(([, count]) => Number.isInteger(count) && count >= 0)) return Object.fromEntries(entries);
  } catch (error) {
    throw new EngineFailure("ValueError", `--per-defect-counts is not JSON: ${text}`, { cause: error });
  }
  throw new EngineFailure("ValueError", `--per-defect-counts must map types to whole numbers: ${text}`);
}
