import { join, resolve } from "node:path";
import { writeGaps } from "../data/gap-files.ts";
import { readInferenceRows } from "../data/inference.ts";
import { layoutOf, readSpec } from "../data/spec.ts";
import { breakdownText } from "../kpi/gaps.ts";
import { numberOption, parseArguments, requiredOption } from "./arguments.ts";
import { type CliIo, print } from "./io.ts";
import { exitOk, printJson, reportRefusal } from "./outcome.ts";

const defaultTopK = 50;

const options = {
  "inference-dir": { type: "string" },
  "train-config": { type: "string" },
  "media-root": { type: "string" },
  "output-dir": { type: "string" },
  "min-recall": { type: "string" },
  "top-k": { type: "string" },
  threshold: { type: "string" },
  json: { type: "boolean" },
} as const;

const usage = `usage: deft-mcp gaps --inference-dir DIR --train-config YAML --media-root DIR --output-dir DIR
                     [--min-recall 1.0] [--top-k 50] [--threshold T] [--json]

Ranks the weakest rows of each label in DIR/inference.csv and writes kpi_gaps.parquet, threshold.txt,
weak_samples_breakdown.txt and metrics.json.
`;

/** `deft-mcp gaps`: ranks the weakest KPI rows and writes what the published gap analysis writes. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return exitOk;
  }
  return await reportRefusal(io, argv.includes("--json"), async () => {
    const given = parseArguments(argv, options, []);
    const path = (name: string) => resolve(io.cwd, requiredOption(given, name));
    const [inferenceDir, config, mediaRoot, directory] = [
      path("inference-dir"),
      path("train-config"),
      path("media-root"),
      path("output-dir"),
    ];
    const chosen = {
      minRecall: numberOption(given, "min-recall", { min: 0, max: 1 }) ?? 1,
      topK: numberOption(given, "top-k", { min: 1, whole: true }) ?? defaultTopK,
      threshold: numberOption(given, "threshold", { min: -1 }),
    };
    const spec = await readSpec(config);
    const rows = await readInferenceRows(join(inferenceDir, "inference.csv"));
    const { analysis, gaps, gaps_path } = await writeGaps(directory, rows, layoutOf(spec, mediaRoot), chosen);
    if (given.flag("json")) {
      const { threshold, point } = analysis;
      printJson(io, {
        threshold,
        rows: rows.length,
        weak_rows: analysis.ranked.length,
        gaps: gaps.length,
        gaps_path,
        point,
      });
    } else {
      print(io.stdout, `${breakdownText(analysis, rows.length, chosen.topK)}${gaps_path}\n`);
    }
    return exitOk;
  });
}
