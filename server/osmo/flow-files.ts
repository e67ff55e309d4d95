import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { yamlData } from "../data/yaml.ts";
import { Refusal } from "../errors.ts";
import { kindOf, readTextIfPresent } from "../fs/read.ts";
import type { Flow } from "./flow.ts";
import { templateTokens } from "./template.ts";

/** The folder of our own flow files: beside this module in the source, beside the bundle once built. */
export async function ownFlowsDir(): Promise<string> {
  for (const place of ["./flows", "../flows"]) {
    const dir = fileURLToPath(new URL(place, import.meta.url));
    if ((await kindOf(join(dir, "assets"))) === "directory") return dir;
  }
  throw missing("flows", "The flow files are not beside the program.");
}

/** One workflow file, read and held against the table. */
export type FlowFile = {
  readonly path: string;
  /** The only section that the service renders. */
  readonly workflow: string;
  readonly defaults: Readonly<Record<string, string>>;
  /** Defaults that differ from the table; the file's own hold for the submit. */
  readonly notes: readonly string[];
};

/**
 * Reads a flow's workflow file from `dir`, a folder laid out like the vendor's skill (`assets/configs`, `scripts`).
 *
 * @throws Refusal `osmo.flow-files-missing`, or `osmo.flow-files-differ` when knobs or tasks of the table are absent.
 */
export async function readFlowFile(dir: string, flow: Flow): Promise<FlowFile> {
  const path = resolve(dir, flow.yaml);
  const text = await readTextIfPresent(path);
  if (text === undefined) throw missing(path, `${flow.yaml} is not in the flow files.`);
  const sections = sectionsOf(text);
  const workflow = sections.get("workflow") ?? "";
  const defaults = defaultsIn(sections.get("default-values") ?? "", path);
  const absent = {
    knobs: Object.entries(flow.knobs).flatMap(([key, knob]) =>
      knob.default !== null && !(key in defaults) ? [key] : [],
    ),
    tasks: flow.tasks.flatMap(({ group, task }) => [group, task]).filter((name) => !names(workflow).has(name)),
    outputs: flow.tasks
      .map((task) => task.output.replace("runs/<name>/", ""))
      .filter((part) => !workflow.includes(part)),
  };
  if (Object.values(absent).some((list) => list.length > 0)) {
    throw new Refusal("osmo.flow-files-differ", `${flow.yaml} lacks parts that ${flow.id} has.`, { path, absent });
  }
  const notes = Object.entries(flow.knobs).flatMap(([key, knob]) =>
    knob.default === null || defaults[key] === knob.default
      ? []
      : [`${flow.yaml} has ${key}=${defaults[key]} where ${knob.default} is documented.`],
  );
  return { path, workflow, defaults, notes };
}

function missing(path: string, message: string): Refusal {
  return new Refusal("osmo.flow-files-missing", message, {
    path,
    source: "github.com/NVIDIA/skills, skill physical-ai-defect-image-generation: its folder with assets/ and scripts/",
  });
}

/** Top-level sections by the service's own rule: a key at column 0. Text before the first key is dropped. */
function sectionsOf(text: string): Map<string, string> {
  const sections = new Map<string, string>();
  for (const part of text.split(/^(?=[A-Za-z][\w-]*:)/m)) {
    const key = /^([A-Za-z][\w-]*):/.exec(part)?.[1];
    if (key) sections.set(key, part);
  }
  return sections;
}

const sectionSchema = z.object({ "default-values": z.record(z.string(), z.unknown()).nullish() });

function defaultsIn(section: string, path: string): Record<string, string> {
  const parsed = sectionSchema.safeParse(yamlData(section, path));
  const values = parsed.data?.["default-values"] ?? {};
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value ?? "")]));
}

function names(workflow: string): Set<string> {
  return new Set([...workflow.matchAll(/^\s*-?\s*name:\s*["']?([\w-]+)["']?\s*$/gm)].map((found) => found[1] ?? ""));
}

/**
 * Checks what the CLI will inline: every mounted file exists beside the workflow file and holds no template token,
 * because the service renders the inlined text once more.
 *
 * @throws Refusal `osmo.flow-files-missing`, `osmo.template-token`.
 */
export async function checkMounts(file: FlowFile, localPaths: readonly string[]): Promise<void> {
  for (const localPath of new Set(localPaths)) {
    const path = resolve(dirname(file.path), localPath);
    const text = await readTextIfPresent(path);
    if (text === undefined) throw missing(path, `${localPath}, which the flow mounts, is not in the flow files.`);
    const tokens = templateTokens(text).filter(
      (token) => token !== "{{" || /\{\{(?!(output|input:[\w-]+)\}\})/.test(text),
    );
    if (tokens.length > 0) {
      throw new Refusal("osmo.template-token", `${localPath} holds ${tokens.join(" ")}, which OSMO would render.`, {
        path,
        tokens,
      });
    }
  }
}
