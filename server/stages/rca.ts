import { join } from "node:path";
import { writeGaps } from "../data/gap-files.ts";
import { readInferenceTable } from "../data/inference.ts";
import { Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { kindOf } from "../fs/read.ts";
import { type Gap, targetDefects } from "../kpi/gaps.ts";
import { pythonFloat } from "../kpi/python-text.ts";
import type { Stage, StageContext } from "../ports/stage.ts";
import { runPaths } from "../run/paths.ts";
import { recorded } from "./shared/committed.ts";
import { asEvidence } from "./shared/evidence.ts";
import { layoutFrom, trainedSpec } from "./shared/specs.ts";
import { writeSpotCheck } from "./shared/spot-check.ts";

/** Paths that are looked up on disk; a wrong images root shows in the first few. */
const checkedPaths = 20;

/** Picks the decision threshold and ranks the weakest KPI rows of each label (tao-stages 2.5 and 4.3). */
export const rca: Stage = {
  name: "rca",
  async plan(context) {
    return { directories: [{ path: resultDir(context) }], jobs: [] };
  },

  async collect(context) {
    const { config } = context.state;
    const csv = recorded(context, "inference_csv");
    const table = await asEvidence(csv, () => readInferenceTable(csv));
    const { top_k_per_label: topK, min_recall: minRecall } = config.rca;
    const layout = await layoutFrom(trainedSpec(context), config.images_dir);
    const dir = resultDir(context);
    const options = `min_recall: ${pythonFloat(minRecall)}\ntop_k_per_label: ${topK}\n`;
    await writeAtomic(join(dir, "vcn_aoi_spec.yaml"), options);
    const { analysis, gaps, gaps_path } = await writeGaps(dir, table, layout, { minRecall, topK });
    await requireImages(gaps, config.images_dir);
    const spotCheck = await asEvidence(csv, () => writeSpotCheck(dir, { csv, table }, analysis.threshold, layout));
    const labels = new Set(analysis.ranked.map(({ row }) => row.label.trim().toUpperCase()));
    return {
      summary: `RCA (VCN): threshold=${pythonFloat(analysis.threshold)} recall=${pythonFloat(analysis.point.recall)}; gaps=${gaps.length} rows across ${labels.size} labels (${analysis.ranked.length} weak parts, one row for each light)`,
      patch: {
        rca_gaps_parquet: gaps_path,
        rca_threshold: analysis.threshold,
        rca_target_defects: targetDefects(analysis),
        rca_spot_check: spotCheck.path,
        rca_suspected_causes: { ...spotCheck.causes },
        ledger: { weak_samples: analysis.ranked.length, gap_images: gaps.length },
      },
      pins: [gaps_path],
      warnings: [],
      facts: {},
    };
  },
};

function resultDir(context: StageContext): string {
  return join(runPaths(context.runDir).iteration(context.iteration), "rca_results", context.stamp);
}

async function requireImages(gaps: readonly Gap[], imagesDir: string): Promise<void> {
  const absent: string[] = [];
  for (const { filepath } of gaps.slice(0, checkedPaths)) {
    if ((await kindOf(filepath)) !== "file") absent.push(filepath);
  }
  if (absent.length === 0) return;
  const facts = { images_dir: imagesDir, checked: Math.min(gaps.length, checkedPaths), absent: absent.slice(0, 5) };
  throw new Refusal("gate.missing-image", "Gap images are not on disk.", facts);
}
