import { basename, dirname, join, relative } from "node:path";
import { changeNetRows } from "../../data/changenet.ts";
import { parseSpec, type TrainSpec } from "../../data/spec.ts";
import { Refusal } from "../../errors.ts";
import { isInside, realPathOf } from "../../fs/contained.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { kindOf, readText } from "../../fs/read.ts";
import { imagesOf, normalPath } from "../../run/images.ts";
import type { JobRecord, JobSpec } from "../../run/job.ts";
import { podMarks } from "./pod-script.ts";

/** What a training reads, and how its host paths are called in the pod. */
export type JobInputs = {
  /** The spec with the pod's places in it, mounted as a file. */
  readonly spec: { readonly name: string; readonly text: string; readonly host_path: string };
  readonly gpus: number;
  /** Host folders whose files are staged; the pod sees `<data>/<index>/<path below the folder>`. */
  readonly roots: readonly string[];
  /** sha256 by `<index>/<path below the root>`: images and backbone, which later trainings read too, and the rest. */
  readonly lasting: Readonly<Record<string, string>>;
  readonly own: Readonly<Record<string, string>>;
};

/** Whether a job is a training of Visual ChangeNet, the only program whose inputs can be told from its spec here. */
export function isTraining(spec: Pick<JobSpec, "argv">): boolean {
  return spec.argv[0] === "visual_changenet" && spec.argv[1] === "train" && spec.argv.includes("-e");
}

/**
 * Finds everything that a training reads: its spec, both CSVs, the images of their rows, the backbone, and the weights
 * it starts from.
 *
 * @throws Refusal `executor.mount-missing` for a file that is not there or lies outside the job's mounts.
 */
export async function inputsOf({ spec: job, platform }: JobRecord): Promise<JobInputs> {
  const { roots, spec_path: specPath } = hostPlaces(job);
  const text = await readText(specPath);
  const spec = parseSpec(text, specPath);
  const { lasting, own } = await filesOf(spec);
  const hashes: Record<"lasting" | "own", Record<string, string>> = { lasting: {}, own: {} };
  const real = await Promise.all(roots.map(realPathOf));
  for (const path of [...lasting, ...own].sort()) {
    const at = placeOf(path, roots);
    // A link may lead out of the mounts; what it shows must not leave this host then.
    const mounted = placeOf(await realPathOf(path), real);
    if (at === undefined || mounted === undefined || (await kindOf(path)) !== "file") {
      throw new Refusal("executor.mount-missing", "The training reads a file that cannot be staged.", { path });
    }
    hashes[lasting.has(path) ? "lasting" : "own"][`${at.root}/${at.below}`] = await sha256OfFile(path);
  }
  return {
    spec: { name: basename(specPath), text: inPod(text, job.workdir, roots), host_path: specPath },
    gpus: platform === "embedded" || job.gpus === "none" ? 0 : spec.num_gpus,
    roots,
    ...hashes,
  };
}

/** The folders that a job's paths lie in, and its spec. */
export function hostPlaces(job: JobSpec): { roots: string[]; spec_path: string } {
  const roots = [...new Set(job.mounts.map(({ source }) => source))];
  return { roots, spec_path: job.argv[job.argv.indexOf("-e") + 1] ?? "" };
}

async function filesOf(spec: TrainSpec): Promise<{ lasting: Set<string>; own: Set<string> }> {
  const lasting = new Set<string>();
  const own = new Set<string>();
  for (const { csv_path, images_dir = "" } of [spec.datasets.train, spec.datasets.validation]) {
    if (csv_path === undefined) continue;
    own.add(csv_path);
    for await (const row of changeNetRows(csv_path)) {
      for (const { input, golden } of imagesOf(row, { ...spec, images_dir })) {
        lasting.add(plainPath(input, csv_path)).add(plainPath(golden, csv_path));
      }
    }
  }
  const weights = (spec.raw.train as Record<string, unknown> | undefined)?.pretrained_model_path;
  if (typeof weights === "string") own.add(weights);
  // The embedded engine has no backbone; where one is needed, preflight has seen it.
  const backbone = spec.pretrained_backbone_path;
  if (backbone !== undefined && (await kindOf(backbone)) === "file") lasting.add(backbone);
  return { lasting, own };
}

/** An image's path in one spelling, so that one file has one name in the pod. */
function plainPath(path: string, csv: string): string {
  const plain = normalPath(path);
  if (plain.startsWith("/")) return plain;
  throw new Refusal("executor.mount-missing", "A row names an image without a folder to start from.", { csv, path });
}

function placeOf(path: string, roots: readonly string[]): { root: number; below: string } | undefined {
  const root = deepestFirst(roots).find((index) => isInside(roots[index] ?? "", path) && roots[index] !== path);
  return root === undefined ? undefined : { root, below: relative(roots[root] ?? "", path) };
}

function deepestFirst(roots: readonly string[]): number[] {
  return roots.map((_, index) => index).sort((a, b) => (roots[b]?.length ?? 0) - (roots[a]?.length ?? 0));
}

/** Pairs of a host path and its name in the pod, the longer host path first; `exact` ones stand alone. */
function places(workdir: string, roots: readonly string[]) {
  const output = { host: workdir, pod: join(podMarks.output, basename(workdir)), exact: false };
  const around = { host: dirname(workdir), pod: podMarks.output, exact: true };
  const inputs = deepestFirst(roots).map((index) => ({
    host: roots[index] ?? "",
    pod: `${podMarks.data}/${index}`,
    exact: false,
  }));
  return [output, around, ...inputs];
}

/**
 * A text with host paths replaced by what they are called in the pod: the job's own folder is the output's, the folder
 * around it is the output itself when it stands alone, everything else is data.
 */
function inPod(text: string, workdir: string, roots: readonly string[]): string {
  return places(workdir, roots).reduce((rest, { host, pod, exact }) => {
    const end = exact ? "(?![\\w./-])" : "(?![\\w.-])";
    return rest.replaceAll(new RegExp(`(?<![\\w./-])${escaped(host)}${end}`, "g"), () => pod);
  }, text);
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
