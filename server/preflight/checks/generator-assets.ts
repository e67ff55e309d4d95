import { basename, join } from "node:path";
import { keptAnswer } from "../../data/kept-images.ts";
import { Refusal } from "../../errors.ts";
import { containedPath } from "../../fs/contained.ts";
import { canonicalJson, sha256, sha256OfFile } from "../../fs/hash.ts";
import { kindOf, listNames, readText } from "../../fs/read.ts";
import { isFileStamp, isSettled, stampsBelow, toldBy } from "../../fs/stamp.ts";
import { workspacePaths } from "../../run/paths.ts";
import { platformTraits } from "../../run/platform-traits.ts";
import { checkGeneratorDataset, type DefectType, readDefectTypes } from "../../stages/shared/generator-dataset.ts";
import { halt, notNeeded, ok } from "../findings.ts";
import { typesText } from "../label-counts.ts";
import { isAirgapped } from "../parameters.ts";
import type { Findings, GeneratorFacts, Step, Survey } from "../survey.ts";

const published = {
  project: "nvpcb",
  dataset: "hf://nvidia/Cosmos-AnomalyGen-PCB-Dataset",
  checkpoint: "hf://nvidia/Cosmos-AnomalyGen-PCB-2B",
  step: 14_000,
};

/** What the generator draws from: the project's defect list and images, and for containers its checkpoint. */
export const generatorAssetsStep: Step = {
  id: "generator_assets",
  title: "Generator assets",
  async look(survey): Promise<Findings> {
    if (survey.platform === undefined) return {};
    if (survey.parameters.num_sdg?.value === 0) {
      return notNeeded("num_sdg is 0: nothing is generated");
    }
    refuseLightings(survey);
    const root = workspacePaths(survey.workspace).anomalygen;
    const projects = await projectsOf(root, survey);
    const [project] = projects;
    if (projects.length > 1) return { missing: [whichProject(projects)] };
    return project === undefined ? absentDataset(survey) : datasetFindings(survey, root, project);
  },
};

/** The stage itself refuses this, hours later. @throws Refusal `gate.generator-lighting`. */
function refuseLightings({ spec }: Survey): void {
  const lightings = spec?.content.lightings ?? [];
  if (lightings.length <= 1) return;
  const message = "The generator makes one lighting, the spec trains on several.";
  throw new Refusal("gate.generator-lighting", message, { lightings, pass: { num_sdg: 0 } });
}

async function projectsOf(root: string, survey: Survey): Promise<string[]> {
  const datasets = join(root, "datasets");
  const { project } = survey.request;
  if (project !== undefined) {
    if (basename(project) !== project || project.startsWith(".")) {
      throw new Refusal("input.invalid", "project is the name of a directory, without a path.", { project });
    }
    if ((await kindOf(join(datasets, project))) === "directory" || fetches(survey)) return [project];
    const known = await listNames(datasets);
    throw new Refusal("input.invalid", `${join(datasets, project)} is not a directory.`, { known: known.slice(0, 10) });
  }
  const names = (await listNames(datasets)).filter((name) => !name.startsWith("."));
  const kinds = await Promise.all(names.map((name) => kindOf(join(datasets, name))));
  return names.filter((_, at) => kinds[at] === "directory");
}

function whichProject(projects: readonly string[]) {
  const choices = projects.slice(0, 10);
  return { field: "project", ask: `Which generator project: ${choices.join(", ")}?`, choices };
}

/** Whether the server can fetch what is missing after approval. */
function fetches({ platform }: Survey): boolean {
  return platform !== undefined && platformTraits[platform].containers;
}

/** Containers can fetch the published set after approval; elsewhere nothing is fetched. */
function absentDataset(survey: Survey): Findings {
  const place = join(workspacePaths(survey.workspace).anomalygen, "datasets", "<project>");
  if (!fetches(survey) || isAirgapped(survey)) {
    const detail = `no generator data set under ${place}`;
    const fix = "Put a data set with defect_spec.jsonl there, or plan without generation: num_sdg 0 (--num-sdg 0).";
    return { checks: [halt("input.unreadable-file", detail, fix)] };
  }
  const uris = [published.dataset, published.checkpoint];
  const fix = `fetch ${uris.join(" and ")} as project ${published.project}`;
  return {
    found: { fetches: [...survey.fetches, ...uris] },
    checks: [{ outcome: "fixable", detail: "nothing staged yet", fix }],
  };
}

async function datasetFindings(survey: Survey, root: string, project: string): Promise<Findings> {
  const dataset_dir = await containedPath([survey.workspace], join(root, "datasets", project), "generator data set");
  const defect_spec = join(dataset_dir, "defect_spec.jsonl");
  const defects = await readDefectTypes(defect_spec);
  await keptAnswer("generator dataset", await questionOn(dataset_dir, defects), async () => {
    await checkGeneratorDataset(dataset_dir, defects);
    return true;
  });
  if (survey.program === "engine") refuseTextTypes(defects);
  const generator: GeneratorFacts = {
    project,
    dataset_dir,
    defect_spec,
    sha256: await sha256OfFile(defect_spec),
    defect_types: defects.map((defect) => defect.type),
    supported_labels: ["PASS", ...new Set(defects.map(labelOf))],
  };
  const detail = `${project}: ${typesText(generator.defect_types)}`;
  if (survey.program === "engine") return ok(detail, { found: { generator } });
  return withCheckpoint(survey, root, generator, detail);
}

/** What the check of a data set rests on; undefined where a link leads elsewhere, or a file was written a moment ago. */
async function questionOn(dataset_dir: string, defects: readonly DefectType[]): Promise<string | undefined> {
  const stamps = [...(await stampsBelow(dataset_dir))];
  const holds = stamps.every(([, stamp]) => isFileStamp(stamp) && isSettled(toldBy(stamp).changed_ms));
  return holds ? sha256(canonicalJson([dataset_dir, stamps, defects])) : undefined;
}

/** `PCB+pin-hole` serves the routed label `PIN-HOLE`. */
function labelOf({ type, texture }: DefectType): string {
  return type.slice(texture.length + 1).toUpperCase();
}

/** Placing a defect by text takes a vision-language model, which the embedded engine has not: it would draw none. */
function refuseTextTypes(defects: readonly DefectType[]): void {
  const types = defects.filter((defect) => defect.dependency === "text").map((defect) => defect.type);
  if (types.length === 0) return;
  throw new Refusal("gate.generator-dataset", "The embedded engine cannot place defects by text.", { types });
}

async function withCheckpoint(
  survey: Survey,
  root: string,
  generator: GeneratorFacts,
  detail: string,
): Promise<Findings> {
  const checkpoint_dir = join(root, "checkpoints", generator.project);
  const step = await stagedStep(checkpoint_dir);
  if (step !== undefined) {
    return ok(`${detail}; checkpoint step ${step}`, { found: { generator: { ...generator, checkpoint_dir, step } } });
  }
  const missing = `${detail}; no checkpoint in ${checkpoint_dir}`;
  if (!fetches(survey) || isAirgapped(survey)) {
    const fix = "Stage a checkpoint there before the run, or plan without generation: num_sdg 0 (--num-sdg 0).";
    return { checks: [{ outcome: "halt", code: "network.forbidden", detail: missing, fix }] };
  }
  return {
    found: {
      generator: { ...generator, checkpoint_dir, step: published.step },
      fetches: [...survey.fetches, published.checkpoint],
    },
    checks: [{ outcome: "fixable", detail: missing, fix: `fetch ${published.checkpoint}` }],
  };
}

/** The step of a staged checkpoint: from its pointer file, else from the only published file beside the config. */
async function stagedStep(directory: string): Promise<number | undefined> {
  const pointer = join(directory, "checkpoints", "latest_checkpoint.txt");
  const name = (await kindOf(pointer)) === "file" ? (await readText(pointer)).trim() : await flatCheckpoint(directory);
  const digits = /^iter_(\d+)\.pt$/.exec(name ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

async function flatCheckpoint(directory: string): Promise<string | undefined> {
  const files = (await listNames(directory)).filter((name) => /^iter_\d+\.pt$/.test(name));
  return files.length === 1 ? files[0] : undefined;
}
