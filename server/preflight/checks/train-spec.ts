import { readSpec } from "../../data/spec.ts";
import { Refusal } from "../../errors.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { readText } from "../../fs/read.ts";
import { workspacePaths } from "../../run/paths.ts";
import { requireSpecPaths } from "../../stages/shared/train-spec.ts";
import { ok } from "../findings.ts";
import { specProblems } from "../spec-rules.ts";
import type { Findings, Step } from "../survey.ts";
import { inputPath } from "../workspace.ts";

/** The train spec parses, asks for no AutoML, and holds nothing that TAO would refuse hours later. */
export const specStep: Step = {
  id: "spec",
  title: "Train spec",
  async look(survey): Promise<Findings> {
    const { workspace, request, platform } = survey;
    const path = await inputPath(workspace, request.spec ?? workspacePaths(workspace).spec, "spec");
    const spec = await readSpec(path);
    const problems = specProblems(spec, platform);
    const [first] = problems;
    if (first !== undefined) {
      const message = `${path}: ${first.key} ${first.problem}.`;
      throw new Refusal("input.bad-spec", message, { path, problems: problems.slice(0, 10) });
    }
    const lightings = spec.lightings.join(", ") || "none";
    const detail = `${path}; lightings ${lightings}; AutoML: off (this workflow only)`;
    return ok(detail, { found: { spec: { path, sha256: await sha256OfFile(path), content: spec } } });
  },
};

/** Every path in the train spec leads into the workspace or to a known mount, as the derived specs will demand. */
export const specPathsStep: Step = {
  id: "spec_paths",
  title: "Paths in the spec",
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
