import { z } from "zod";
import { yamlData } from "../data/yaml.ts";
import { Refusal } from "../errors.ts";
import { canonicalJson, sha256 } from "../fs/hash.ts";
import { defined } from "../run/defined.ts";
import { type Cost, costOf } from "./cost.ts";
import { activeTasks, fillPath, type KnobValues, requiredArtifacts } from "./flow.ts";
import { checkMounts, type FlowFile } from "./flow-files.ts";
import type { Settled } from "./settle.ts";
import { renderWorkflow, TemplateTooRich, variablesOf } from "./template.ts";

/** One submit, complete but for the human's yes. */
export type SubmitPlan = {
  /** Same choices, same id: made of everything but the stamp. */
  readonly plan_id: string;
  readonly settled: Settled;
  readonly pool: string;
  /** Run name below `runs/`; undefined for setup flows. */
  readonly name: string | undefined;
  readonly argv: readonly string[];
  /** The rendered workflow section, or undefined when the file uses more of Jinja than is evaluated here. */
  readonly spec: string | undefined;
  readonly artifacts: readonly string[];
  readonly outputs: readonly string[];
  readonly cost: Cost;
  readonly notes: readonly string[];
};

const specSchema = z.object({
  workflow: z.object({
    groups: z.array(
      z.object({
        name: z.string(),
        tasks: z.array(
          z.object({
            name: z.string(),
            files: z.array(z.object({ localpath: z.string().optional(), path: z.string() })).default([]),
          }),
        ),
      }),
    ),
  }),
});

/** Storage root as shown before a human has named one. */
export const unknownRoot = "<dig_url_root>";

/**
 * Renders a settled request into the one command that submits it, and checks the files that it mounts.
 *
 * @throws Refusal `osmo.flow-files-missing`, `osmo.flow-files-differ`, `osmo.template-token`, `osmo.bad-knob`.
 */
export async function planSubmit(
  settled: Settled,
  file: FlowFile,
  pool: string,
  name: string | undefined,
): Promise<SubmitPlan> {
  const root = settled.set.dig_url_root ?? unknownRoot;
  const chosen: KnobValues = { ...settled.set, dig_url_root: root, ...defined({ name: name || undefined }) };
  const values: KnobValues = { ...file.defaults, ...settled.values, ...chosen };
  const { set, setString } = splitBySort(settled, chosen);
  const spec = renderOrSkip(file, variablesOf(file.defaults, set, setString));
  const notes = [...settled.notes, ...file.notes];
  if (spec === undefined) notes.push("The workflow file is the vendor's; OSMO renders it, not this preview.");
  else await checkMounts(file, localPaths(spec, file.path));
  const flag = (word: string, pairs: KnobValues) =>
    Object.keys(pairs).length === 0 ? [] : [word, ...Object.entries(pairs).map(([key, value]) => `${key}=${value}`)];
  return {
    plan_id: sha256(canonicalJson({ flow: settled.flow.id, set: settled.set, pool, file: file.path })).slice(0, 12),
    settled,
    pool,
    name,
    // The file comes first: `--set` takes every word after it.
    argv: [
      ...["workflow", "submit", file.path, "--format-type", "json", "--pool", pool],
      ...flag("--set", set),
      ...flag("--set-string", setString),
    ],
    spec,
    artifacts: requiredArtifacts(settled.flow, { usecase: settled.usecase ?? "", ...values }).map(
      (p) => `${root}/${p}`,
    ),
    outputs: activeTasks(settled.flow, values).map((task) => `${root}/${fillPath(task.output, values)}`),
    cost: costOf(settled.flow, values),
    notes,
  };
}

/** Counts go through `--set`; everything else through `--set-string`, which never casts. */
function splitBySort(settled: Settled, chosen: KnobValues) {
  const counts = (key: string) => ["integer", "patches"].includes(settled.flow.knobs[key]?.kind ?? "");
  const pick = (wanted: boolean) =>
    Object.fromEntries(Object.entries(chosen).filter(([key]) => counts(key) === wanted));
  return { set: pick(true), setString: pick(false) };
}

function renderOrSkip(file: FlowFile, variables: ReturnType<typeof variablesOf>): string | undefined {
  try {
    return renderWorkflow(file.workflow, variables);
  } catch (error) {
    if (error instanceof TemplateTooRich) return undefined;
    throw error;
  }
}

function localPaths(spec: string, path: string): string[] {
  const parsed = specSchema.safeParse(yamlData(spec, path));
  if (!parsed.success) throw new Refusal("osmo.flow-files-differ", "The rendered workflow has another shape.", {});
  return parsed.data.workflow.groups.flatMap((group) =>
    group.tasks.flatMap((task) => task.files.flatMap((file) => file.localpath ?? [])),
  );
}

/** The command as a person would type it. */
export function shownCommand(argv: readonly string[]): string {
  return ["osmo", ...argv]
    .map((word) => (/^[\w./:=,@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}
