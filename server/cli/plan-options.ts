import { Refusal } from "../errors.ts";
import { type PlanRequest, planRequestSchema } from "../preflight/request.ts";
import { defined } from "../run/defined.ts";
import { miningRules, networkModes, platforms } from "../run/labels.ts";
import { choice, flag, number, type Option, pairs, text, type ValueOf } from "./options.ts";

/** Options whose name is shorter than that of the argument that they give. */
const fields = { kpi: "kpi_target", epochs: "num_epochs", gpus: "num_gpus", set: "platform_settings" } as const;

type Kebab<Text extends string> = Text extends `${infer Head}_${infer Tail}` ? `${Head}-${Kebab<Tail>}` : Text;
type Shorter = typeof fields;
/** What is named otherwise on a command line: the workspace, and the run by its place. */
type Planned = Exclude<keyof PlanRequest, "workspace" | "run" | "resume" | Shorter[keyof Shorter]>;

const whole = { bounds: { min: 0, whole: true } };

/** Every argument of a plan as an option, for commands that plan; all may be left out but the platform. */
export const planOptions = {
  platform: choice(platforms, "where stages run", { fallback: "embedded" }),
  set: pairs("a setting of the platform, as references/platforms.md lists them; may be repeated"),
  kpi: text("TARGET", "when to stop; else asked for"),
  "max-iterations": number("N", "after the baseline; else asked for", whole),
  "kpi-confidence": text("point|90%|95%|99%", "which end of the interval has to meet the target"),
  constraints: text("TEXT", "what has to hold besides, like `escapes <= 2`"),
  evaluator: text("PROGRAM", "what measures the metric in place of FAR, or a path with {iter_label}"),
  epochs: number("N", "of each training", whole),
  "num-sdg": number("N", "defects to generate an iteration, as the plan will say; 0: none", whole),
  "top-k": number("N", "neighbours of each weak sample", whole),
  mining: choice(miningRules, "how rows of the pool are chosen"),
  "min-similarity": number("S", "least similarity of a mined row", { bounds: { min: -1, max: 1 } }),
  "rows-per-iteration": number("N", "rows to mine an iteration", whole),
  "mined-pass-pct": number("PCT", "share of PASS rows among them", whole),
  patience: number("N", "iterations in a row without a gain that end the loop; 0: none do", whole),
  seed: number("N", "of training and mining", whole),
  "batch-size": number("N", "of a training step", whole),
  gpus: number("N", "of each training", whole),
  "synthetic-only": flag("mine nothing"),
  "time-limit-minutes": number("N", "to pick the iterations by", { bounds: { min: 0 } }),
  "stage-time-limit-sec": number("N", "after which a job is ended", whole),
  "network-mode": choice(networkModes, "airgap: nothing is fetched"),
  project: text("NAME", "the generator's data set"),
  spec: text("FILE", "the train spec, in the workspace"),
  "training-csv": text("FILE", "in the workspace, as those below"),
  "validation-csv": text("FILE", "rows that checkpoints are chosen by"),
  "kpi-csv": text("FILE", "rows that FAR is measured on"),
  "adopt-run": text("RUN", "take over what another run trained"),
  "baseline-ckpt": text("FILE", "a checkpoint in place of the baseline training"),
} satisfies Record<Kebab<Planned> | keyof Shorter, Option>;

type Given = { readonly [Name in keyof typeof planOptions]: ValueOf<(typeof planOptions)[Name]> };

/**
 * The arguments of a plan that options gave.
 *
 * @throws Refusal `input.invalid` for a value that a plan does not take.
 */
export function planRequestOf(given: Given): PlanRequest {
  const names = Object.keys(planOptions) as (keyof typeof planOptions)[];
  const named = names.map((name) => [fieldOf(name), given[name]] as const);
  // A flag that is not there, and settings of which there are none, ask for nothing.
  const asked = named.filter(([, value]) => value !== false && !(typeof value === "object" && isEmpty(value)));
  const request = Object.fromEntries(asked);
  const parsed = planRequestSchema.safeParse(defined(request));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${optionOf(String(path[0]))}: ${message}`);
  throw new Refusal("input.invalid", problems.join("; "), { problems });
}

/** The option that gives an argument of a plan, as it is typed. */
export function optionOf(field: string): string {
  const short = Object.entries(fields).find(([, long]) => long === field)?.[0];
  return `--${short ?? field.replaceAll("_", "-")}`;
}

const isEmpty = (pairs: object) => Object.keys(pairs).length === 0;

function fieldOf(option: string): string {
  return option in fields ? fields[option as keyof Shorter] : option.replaceAll("-", "_");
}
