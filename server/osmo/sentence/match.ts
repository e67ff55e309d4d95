import { meaningsOf } from "../counting.ts";
import { passesThrough } from "../flow.ts";
import type { Settled } from "../settle.ts";
import { modesOf, pairsOf } from "../taxonomy.ts";
import { materialOf, type RequestArgs, smokeSizes } from "./propose.ts";
import type { Mention } from "./read.ts";
import type { Kind } from "./words.ts";

/** Arguments of a call as they were passed, not what the sentence proposed. */
export type Given = RequestArgs;

/** Which words of a request the plan carries out, and which it does not. */
export type Fit = { readonly understood: readonly string[]; readonly open: readonly Mention[] };

/** Kinds that say nothing by themselves. */
const silent: readonly Kind[] = ["filler", "adjective", "and", "unit", "article"];

/**
 * Holds a plan against every word of its request. A word counts as understood only when the settled values say the
 * same; a number that no value equals, a defect that is not made, a negated one that is, an unknown word stay open.
 */
export function matchWords(mentions: readonly Mention[], settled: Settled, given: Given): Fit {
  const understood: string[] = [];
  const open: Mention[] = [];
  for (const [index, mention] of mentions.entries()) {
    if (
      silent.includes(mention.kind) ||
      (mention.negated && !["unknown", "number", "bound", "only"].includes(mention.kind))
    )
      continue;
    const says = mention.negated ? undefined : sayingOf(mention, index, { mentions, settled, given });
    if (says === undefined) open.push(mention);
    else if (says !== "") understood.push(`${mention.text}: ${says}`);
  }
  return { understood: [...new Set(understood)], open };
}

type Picture = { readonly mentions: readonly Mention[]; readonly settled: Settled; readonly given: Given };
type Saying = (mention: Mention, picture: Picture, index: number) => string | undefined;

function sayingOf(mention: Mention, index: number, picture: Picture): string | undefined {
  return sayings[mention.kind]?.(mention, picture, index);
}

const when = (holds: boolean, says: string) => (holds ? says : undefined);
const has = (picture: Picture, knob: string) => picture.settled.flow.knobs[knob] !== undefined;
const typed = (picture: Picture, knob: string) => picture.given.knobs?.[knob] !== undefined;
const positive = ({ mentions }: Picture, kind: Kind) =>
  new Set(mentions.filter((each) => each.kind === kind && !each.negated).map(({ value }) => value));

/** For each kind what the plan has of it; undefined when the plan says something else. */
const sayings: Partial<Record<Kind, Saying>> = {
  flow: ({ value }, { settled }) => when(settled.flow.id === value, `flow=${value}`),
  family: ({ value }, picture) => when(isFamily(value, picture), `flow=${picture.settled.flow.id}`),
  mode: ({ value }, picture) => {
    const made = madeModes(picture);
    const said = positive(picture, "mode");
    const same = made.length === said.size && made.every((mode) => said.has(mode));
    return when(same && made.includes(value), `defect_modes=${picture.settled.values.defect_modes}`);
  },
  defect: ({ value }, picture) => {
    const made = madePairs(picture).map(([, defect]) => defect);
    const said = positive(picture, "defect");
    return when(made.includes(value) && made.every((defect) => said.has(defect)), pairsShown(picture));
  },
  material: ({ value }, picture) => {
    const shown = materialOf(picture.settled.values.board);
    if (!has(picture, "anomaly_types_json")) return when(shown === value, `board=${picture.settled.values.board}`);
    const made = madePairs(picture).map(([material]) => material);
    const said = positive(picture, "material");
    const seen = shown === undefined || shown === value || typed(picture, "anomaly_types_json");
    return when(seen && made.includes(value) && made.every((material) => said.has(material)), pairsShown(picture));
  },
  defects: (_, { settled }) => when(settled.flow.id !== "good_image_generation" && settled.flow.kind !== "setup", ""),
  usecase: ({ value }, { settled }) =>
    when(settled.usecase === value || settled.flow.usecases.length === 0, settled.usecase ? `usecase=${value}` : ""),
  "custom-usecase": (_, { given }) => when(given.usecase !== undefined, `usecase=${given.usecase}`),
  board: ({ value }, picture) =>
    value === ""
      ? when([undefined, "pcb"].includes(picture.settled.usecase), "")
      : when(has(picture, "board") && picture.settled.values.board === value, `board=${value}`),
  "other-board": (_, picture) =>
    when(picture.given.board !== undefined || typed(picture, "board"), `board=${picture.settled.values.board}`),
  number: sayNumber,
  bound: (_, picture) =>
    when(
      picture.given.count !== undefined ||
        ["render_patches", "crop_max_emit", "num_sdg"].some((knob) => typed(picture, knob)),
      "count",
    ),
  total: (_, { settled }) =>
    when(
      ["total_crops", "structural_crops", "defects"].includes(settled.asked?.means ?? ""),
      `count_means=${settled.asked?.means}`,
    ),
  "per-cell": (_, { settled }) => when(settled.asked?.means === "final_crops", "count_means=final_crops"),
  negation: sayNegation,
  only: sayOnly,
  own: ({ of }, picture) => {
    if (of === undefined) return "";
    if (of === "photo") return when(typed(picture, "real_image_filename"), "real_image_filename");
    return when(picture.given.flow !== undefined, `flow=${picture.given.flow}`);
  },
  photo: (_, picture) =>
    when(typed(picture, "real_image_filename"), `real_image_filename=${picture.settled.values.real_image_filename}`),
  data: (_, { given }) => when(given.flow !== undefined, `flow=${given.flow}`),
  checkpoint: (_, picture) => {
    const { flow, values } = picture.settled;
    if (flow.id === "finetune") return "";
    return when(
      has(picture, "use_pretrained_checkpoint") && passesThrough(values),
      `checkpoint_step=${values.checkpoint_step}`,
    );
  },
  gpu: (_, picture) => when(typed(picture, "train_gpu") || typed(picture, "infer_gpu"), ""),
  full: (_, { settled }) => when(settled.values.render_patches === "-1", "render_patches=-1"),
  smoke: (_, { settled }) => {
    const sizes = Object.entries(smokeSizes(settled.flow.id));
    const small = sizes.length > 0 && sizes.every(([knob, value]) => settled.values[knob] === value);
    return when(small, sizes.map(([knob, value]) => `${knob}=${value}`).join(" "));
  },
  recipe: (_, { given }) => when(given.dry_run === true, "dry_run"),
  pair: (_, { given }) => when(given.pair_with !== undefined, `pair_with=${given.pair_with}`),
  unknown: ({ possible }, picture) => sayTyped(possible, picture),
};

function madeModes({ settled }: Picture): string[] {
  return settled.flow.knobs.defect_modes ? modesOf(settled.values) : [];
}

function madePairs(picture: Picture) {
  return has(picture, "anomaly_types_json") ? pairsOf(picture.settled.values) : [];
}

const pairsShown = ({ settled }: Picture) => `anomaly_types_json=${settled.values.anomaly_types_json}`;

function isFamily(family: string, picture: Picture): boolean {
  const { flow, values } = picture.settled;
  const trains = flow.id === "finetune" || (has(picture, "use_pretrained_checkpoint") && !passesThrough(values));
  const families: Readonly<Record<string, boolean>> = {
    good: flow.id === "good_image_generation",
    structural: flow.id === "structural_defect_generation",
    texture: flow.knobs.num_sdg !== undefined,
    photo: flow.id === "texture_defect_generation_day1_real_alignment",
    manual: flow.id === "texture_defect_generation_day1_manual_roi",
    finetune: trains,
    setup: flow.kind === "setup",
    pretrained: flow.id === "setup_pretrained" || (has(picture, "use_pretrained_checkpoint") && !trains),
  };
  return families[family] ?? false;
}

/** A number is understood as the quantity that was settled, as a checkpoint step, or as an argument that equals it. */
function sayNumber({ of, exact, possible }: Mention, picture: Picture): string | undefined {
  const { settled } = picture;
  if (exact === undefined) return sayTyped(possible, picture);
  if (of === "step") {
    const same = has(picture, "checkpoint_step") && settled.values.checkpoint_step === String(exact);
    return when(same, `checkpoint_step=${exact}`);
  }
  if (of === "gpu") {
    const pod = ["train_gpu", "infer_gpu"].find((knob) => String(picture.given.knobs?.[knob]) === String(exact));
    return pod === undefined ? undefined : `${pod}=${exact}`;
  }
  const { asked } = settled;
  if (asked === undefined || asked.count !== exact || of === undefined) return sayTyped([exact], picture);
  if (!meaningsOf(settled.flow).includes(asked.means)) return undefined;
  const fits =
    of === "patch"
      ? asked.means === "raw_patches"
      : picture.given.count_means !== undefined || asked.means !== "raw_patches";
  return when(fits, `count=${exact} count_means=${asked.means}`);
}

/** A quantity that can be read in several ways counts as what an argument makes of it. */
function sayTyped(possible: readonly number[], { given }: Picture): string | undefined {
  if (given.count !== undefined && possible.includes(given.count)) return `count=${given.count}`;
  const knob = Object.entries(given.knobs ?? {}).find(([, value]) =>
    possible.some((each) => String(value) === String(each)),
  );
  return knob === undefined ? undefined : `${knob[0]}=${String(knob[1])}`;
}

/** A negation holds when all that it names is absent from the plan; a second one in its reach turns it around. */
function sayNegation(_: Mention, picture: Picture, index: number): string | undefined {
  const rest = picture.mentions.slice(index + 1);
  const stop = rest.findIndex(({ kind, negated }) => !negated && kind !== "negation");
  const scope = (stop === -1 ? rest : rest.slice(0, stop)).filter(({ kind }) => !silent.includes(kind));
  const [next] = scope;
  const but = picture.mentions[index]?.text.toLowerCase() === "but";
  if (but && next?.kind === "negation") return "";
  const before = picture.mentions[index - 1];
  if (before?.kind === "negation" && before.text.toLowerCase() !== "but") return undefined;
  const named = scope.filter(({ kind }) => kind !== "negation");
  if (named.length === 0 || named.length < scope.length) return undefined;
  return when(
    named.every((each) => isAbsent(each, picture)),
    `without ${named.map(({ text }) => text).join(", ")}`,
  );
}

function isAbsent({ kind, value }: Mention, picture: Picture): boolean {
  const { settled } = picture;
  if (kind === "mode") return !madeModes(picture).includes(value);
  if (kind === "defect") return !madePairs(picture).some(([, defect]) => defect === value);
  if (kind === "defects") return settled.flow.id === "good_image_generation";
  if (kind === "material")
    return materialOf(settled.values.board) !== value && !madePairs(picture).some(([m]) => m === value);
  if (kind === "usecase") return settled.usecase !== undefined && settled.usecase !== value;
  if (kind === "board") return value !== "" && settled.values.board !== value;
  if (kind === "family") return picture.given.flow !== undefined && !isFamily(value, picture);
  return false;
}

/** `only` holds with what follows it: the lists of a plan hold nothing but what is named. */
function sayOnly(_: Mention, picture: Picture, index: number): string | undefined {
  const at = picture.mentions.findIndex(
    ({ kind }, place) => place > index && !["filler", "adjective", "article"].includes(kind),
  );
  const next = picture.mentions[at];
  const limits: readonly Kind[] = ["mode", "defect", "material", "family", "flow", "number", "usecase", "board"];
  if (next === undefined || !limits.includes(next.kind) || next.negated) return undefined;
  return sayingOf(next, at, picture) === undefined ? undefined : "";
}
