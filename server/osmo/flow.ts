/** What a knob may hold. A number-like default stays text: OSMO's own defaults are text. */
export type KnobKind =
  | { readonly kind: "integer"; readonly min: number }
  /** -1 for all, or a positive count. */
  | { readonly kind: "patches" }
  /** Empty for the cookbook's value, `null` for no cap, or a positive count. */
  | { readonly kind: "crop-cap" }
  | { readonly kind: "choice"; readonly of: readonly string[] }
  | { readonly kind: "boolean" }
  | { readonly kind: "quantity" }
  | { readonly kind: "duration" }
  | { readonly kind: "storage-url" }
  | { readonly kind: "http-url" }
  | { readonly kind: "pairs" }
  | { readonly kind: "modes" }
  | { readonly kind: "path" }
  | { readonly kind: "name" }
  | { readonly kind: "workflow-name" }
  | { readonly kind: "image" }
  | { readonly kind: "sizes" };

/** `default: null` means that the workflow file has none. A `fixed` knob works with its default only. */
export type Knob = KnobKind & { readonly default: string | null; readonly fixed?: true };

/**
 * Where a task reads: `root:<path>` below the storage root, `task:<name>`, `knob:<name>` for a URL knob, or
 * `checkpoint`, which is the use case's model when passing through and the finetune task when training.
 */
export type InputRef = `root:${string}` | `task:${string}` | `knob:${string}` | "checkpoint";

/** One pod: every group of these flows has one lead task. Paths may hold `<usecase>`, `<board>` and `<name>`. */
export type FlowTask = {
  readonly group: string;
  readonly task: string;
  /** The knob that names its image. */
  readonly image: string;
  /** Prefix of the knobs that size it: `render`, `infer` ...; a setup task has `cpu` or `cpu_large` and no GPU. */
  readonly sized_by: "render" | "augment" | "infer" | "train" | "cpu" | "cpu_large";
  readonly hf_token: boolean;
  readonly inputs: readonly InputRef[];
  /** Below the storage root. */
  readonly output: string;
  /** Below `assets/cookbooks`. */
  readonly cookbooks: readonly string[];
  readonly only?: "training";
};

export const flowIds = [
  "texture_defect_generation_day0",
  "good_image_generation",
  "structural_defect_generation",
  "texture_defect_generation_day1_real_alignment",
  "texture_defect_generation_day1_manual_roi",
  "finetune",
  "setup_pretrained",
  "setup_pcb",
  "setup_metal",
  "setup_glass",
] as const;
export type FlowId = (typeof flowIds)[number];

export type Flow = {
  readonly id: FlowId;
  readonly title: string;
  readonly kind: "generation" | "setup";
  /** Below the flow files' folder. */
  readonly yaml: string;
  /** Default of the knob `workflow_name`: prefix of the workflow id, and of the run name. */
  readonly workflow_name: string;
  readonly usecases: readonly string[];
  /** Whether a use case of the user's own is legal. */
  readonly custom_usecase: boolean;
  readonly knobs: Readonly<Record<string, Knob>>;
  readonly tasks: readonly FlowTask[];
  /** Knobs of other flows that this one would silently ignore, with what works instead. */
  readonly ignored: Readonly<Record<string, string>>;
};

/** Knob values of one submit, as OSMO will see them: the defaults overlaid by what was chosen. */
export type KnobValues = Readonly<Record<string, string>>;

/** OSMO's gate: a value outside this set trains. */
export function passesThrough(values: KnobValues): boolean {
  return ["true", "1", "yes"].includes((values.use_pretrained_checkpoint ?? "true").toLowerCase());
}

/** The tasks that this submit really has: training adds the finetune task. */
export function activeTasks(flow: Flow, values: KnobValues): readonly FlowTask[] {
  return flow.tasks.filter((task) => task.only !== "training" || !passesThrough(values));
}

/** Fills `<usecase>`, `<board>` and `<name>` of a table path. */
export function fillPath(path: string, values: KnobValues): string {
  return path.replace(/<(\w+)>/g, (slot, knob: string) => values[knob] ?? slot);
}

/** Artifacts below the storage root that must exist before this submit, in the order the tasks read them. */
export function requiredArtifacts(flow: Flow, values: KnobValues): string[] {
  const paths = activeTasks(flow, values).flatMap((task) =>
    task.inputs.flatMap((input) => {
      if (input.startsWith("root:")) return [fillPath(input.slice(5), values)];
      return input === "checkpoint" && passesThrough(values) ? [fillPath("models/<usecase>", values)] : [];
    }),
  );
  return [...new Set(paths)];
}
