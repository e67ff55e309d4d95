import { readSpec } from "../../data/spec.ts";
import { checkSpecKeys, readingOfTao, type SpecFinding } from "../../data/spec-check.ts";
import { type Release, releaseOf } from "../../data/spec-keys.ts";
import { Refusal } from "../../errors.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { readText } from "../../fs/read.ts";
import { workspacePaths } from "../../run/paths.ts";
import { requireSpecPaths } from "../../stages/shared/train-spec.ts";
import { halt, ok } from "../findings.ts";
import { specMeaning } from "../spec-meaning.ts";
import { specProblems } from "../spec-rules.ts";
import type { Findings, Step, Survey } from "../survey.ts";
import { inputPath } from "../workspace.ts";

/** The train spec parses, asks for no AutoML, and holds nothing that TAO would refuse hours later. */
export const specStep: Step = {
  id: "spec",
  title: "Train spec",
  async look(survey): Promise<Findings> {
    const { workspace, request, program } = survey;
    const path = await inputPath(workspace, request.spec ?? workspacePaths(workspace).spec, "spec");
    const spec = await readSpec(path);
    const problems = specProblems(spec, program);
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

/** The spec says to the TAO release that will run what it says to a reader: its keys, their types, and what they do together. */
export const specMeaningStep: Step = {
  id: "spec_keys",
  title: "Spec of the release",
  async look(survey): Promise<Findings> {
    const { spec } = survey;
    if (spec === undefined || survey.platform === undefined) return {};
    const { release, named } = releaseThatRuns(survey);
    const reading = readingOfTao(await readText(spec.path), spec.path);
    const found = [...checkSpecKeys(reading, release), ...specMeaning(reading.tree, release)];
    const halts = found.filter(({ weight }) => weight === "halt");
    const warnings = [
      ...unknownRelease(release, named),
      ...found.filter(({ weight }) => weight === "warning").map((one) => `${spec.path}: ${sentence(one)}.`),
    ];
    if (halts.length === 0)
      return ok(`the keys of TAO ${release.release} (${named ?? "no release named"})`, { warnings });
    const detail = `${spec.path}: ${halts.slice(0, 5).map(sentence).join("; ")}${halts.length > 5 ? "; ..." : ""}`;
    const problems = halts.slice(0, 10).map(({ weight: _weight, ...problem }) => problem);
    return { checks: [{ ...halt("input.bad-spec", detail), facts: { release: release.release, problems } }], warnings };
  },
};

function sentence({ key, problem }: SpecFinding): string {
  return `${key} ${problem}`;
}

/** The release by the image that trains; where none does, the embedded engine reads the newest keys. */
function releaseThatRuns({ containers, environment, executor, platform }: Survey): {
  release: Release;
  named: string | undefined;
} {
  const image = containers?.tao_pyt;
  const installed = environment?.packages?.tao;
  if (environment !== undefined) {
    const named = installed ? `installed version ${installed}` : environment.venv;
    return { release: releaseOf(installed ?? undefined), named };
  }
  if (image !== undefined && image.engine === undefined) return { release: releaseOf(image.uri), named: image.uri };
  const engine = image?.engine ?? executor?.engine ?? platform;
  return { release: { ...releaseOf(undefined), known: true }, named: engine };
}

function unknownRelease({ known, release }: Release, named: string | undefined): string[] {
  if (known) return [];
  return [
    `${named ?? "The training image"} names no TAO release with a key list; the spec was held against ${release}.`,
  ];
}

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
