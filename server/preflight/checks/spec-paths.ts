import { readText } from "../../fs/read.ts";
import { workspacePaths } from "../../run/paths.ts";
import { requireSpecPaths } from "../../stages/shared/train-spec.ts";
import type { Findings, Step } from "../survey.ts";

const head = { id: "spec_paths", title: "Paths in the spec" };

/** Every path in the train spec leads into the workspace or to a known mount, as the derived specs will demand. */
export const specPathsStep: Step = {
  ...head,
  async look(survey): Promise<Findings> {
    const { spec, images_dir, workspace, csvs } = survey;
    if (spec === undefined || images_dir === undefined) return {};
    const paths = workspacePaths(workspace);
    await requireSpecPaths(await readText(spec.path), spec.path, {
      workspace,
      images_dir,
      backbone_weight_dir: paths.backboneDir,
      training_csv: csvs.training_csv?.path ?? paths.trainingCsv,
      kpi_test_csv: csvs.kpi_csv?.path ?? paths.kpiCsv,
    });
    return {};
  },
};
