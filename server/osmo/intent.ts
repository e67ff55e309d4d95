import { Refusal } from "../errors.ts";
import type { FlowId } from "./flow.ts";
import { flows } from "./flow-table.ts";
import {
  boardQuestion,
  type ChoiceQuestion,
  countQuestion,
  finetuneQuestion,
  mechanismQuestion,
  ownDataQuestion,
  pcbFlowQuestion,
  smokeQuestion,
  usecaseQuestion,
  whichFirstQuestion,
} from "./questions.ts";
import { type Family, type Hints, readRequest } from "./request-words.ts";
import type { CountMeaning, Wanted } from "./settle.ts";

/** The arguments of a call that say what is wanted. */
export type RequestArgs = {
  readonly flow?: FlowId | undefined;
  readonly usecase?: string | undefined;
  readonly board?: string | undefined;
  readonly count?: number | undefined;
  readonly count_means?: CountMeaning | undefined;
  readonly request?: string | undefined;
  readonly knobs?: Readonly<Record<string, unknown>> | undefined;
};

export type Intent =
  | { readonly kind: "settled"; readonly wanted: Wanted }
  | { readonly kind: "ask"; readonly questions: readonly ChoiceQuestion[] };

const day0 = "texture_defect_generation_day0";
const structural = "structural_defect_generation";
const alignment = "texture_defect_generation_day1_real_alignment";
const manual = "texture_defect_generation_day1_manual_roi";

/**
 * Decides flow, use case, board and what a count means, or says what to ask. Arguments beat words; a settled default
 * is never asked, a load-bearing choice is never assumed.
 *
 * @throws Refusal `osmo.wrong-flow`, `osmo.illegal-pair`.
 */
export function readIntent(args: RequestArgs): Intent {
  const hints = readRequest(args.request ?? "");
  const given = typeof args.knobs?.usecase === "string" ? args.knobs.usecase : undefined;
  const usecase = args.usecase ?? given ?? hints.usecase;
  const questions: ChoiceQuestion[] = [];
  const flow = args.flow ? explicitFlow(args.flow, hints) : flowFromWords(args, hints, usecase);
  if (typeof flow !== "string") {
    questions.push(flow);
    const saysCount = flow.id === "count";
    if (usecase === undefined && !saysCount && flow.options.some((option) => option.args?.flow === manual)) {
      questions.push(usecaseQuestion(["pcb", "metal_surface", "glass"], args.request));
    }
  } else {
    const choices = flows[flow].usecases;
    if (usecase === undefined && choices.length > 1) questions.push(usecaseQuestion(choices, args.request));
    const count = countDoubt(flow, args, hints);
    if (count) questions.push(count);
  }
  const boardUnknown = args.board === undefined && args.knobs?.board === undefined && hints.other_board;
  if (boardUnknown && hints.board === undefined && (typeof flow !== "string" || flows[flow].knobs.board)) {
    questions.push(boardQuestion(args.request));
  }
  if (questions.length > 0 || typeof flow !== "string") return { kind: "ask", questions };
  return { kind: "settled", wanted: wantedOf(flow, usecase, args, hints) };
}

function explicitFlow(flow: FlowId, hints: Hints): FlowId | ChoiceQuestion {
  if (flow === structural && hints.missing_component && hints.modes.length === 0) {
    throw new Refusal("osmo.wrong-flow", "A missing component is a texture defect of Day 0, not a pose.", {
      flow,
      use: day0,
    });
  }
  const named = [...hints.families].filter((family) => family === "texture" || family === "structural");
  const only = named.length === 1 ? named[0] : undefined;
  if (flow === structural && only === "texture") return whichFirstQuestion([structural, day0]);
  if (flow === day0 && only === "structural") return whichFirstQuestion([day0, structural]);
  return flow;
}

function flowFromWords(args: RequestArgs, hints: Hints, usecase: string | undefined): FlowId | ChoiceQuestion {
  const { families: named } = hints;
  const other = usecase !== undefined && usecase !== "pcb";
  if (named.has("setup")) return setupFlow(usecase, args.request);
  if (named.has("finetune")) {
    if (hints.finetune_only) return "finetune";
    return finetuneQuestion(
      other || named.has("manual") ? manual : named.has("photo") ? alignment : day0,
      args.request,
    );
  }
  if (named.has("manual")) return manual;
  if (hints.own_data && !other) return ownDataQuestion(args.request);
  if (other) return routeOther(usecase, named);
  if (named.has("photo")) return alignment;
  const exact = (["texture", "structural", "good"] as const).filter((family) => named.has(family));
  const ids: Record<(typeof exact)[number], FlowId> = {
    texture: day0,
    structural,
    good: "good_image_generation",
  };
  const [first] = exact;
  if (exact.length === 1 && first) return ids[first];
  if (exact.length > 1)
    return whichFirstQuestion(
      exact.map((family) => ids[family]),
      args.request,
    );
  return vagueQuestion(args, hints);
}

/** Metal and glass have no scene and no photo flow, so one route is left; clean or pose images have none. */
function routeOther(usecase: string, named: ReadonlySet<Family>): FlowId {
  for (const family of ["structural", "good"] as const) {
    if (named.has(family)) {
      throw new Refusal("osmo.illegal-pair", `There is no ${family} flow for ${usecase}.`, {
        usecase,
        flows: [manual],
      });
    }
  }
  return manual;
}

function setupFlow(usecase: string | undefined, request: string | undefined): FlowId | ChoiceQuestion {
  if (/pretrained/i.test(request ?? "")) return "setup_pretrained";
  const byUsecase: Readonly<Record<string, FlowId>> = {
    pcb: "setup_pcb",
    metal_surface: "setup_metal",
    glass: "setup_glass",
  };
  const known = usecase === undefined ? undefined : byUsecase[usecase];
  return known ?? whichFirstQuestion(["setup_pretrained", "setup_pcb", "setup_metal", "setup_glass"], request);
}

function vagueQuestion(args: RequestArgs, hints: Hints): ChoiceQuestion {
  const count = args.count ?? hints.count;
  if (hints.smoke) return smokeQuestion(args.request);
  if (hints.defects) return mechanismQuestion(args.request);
  if (count !== undefined) return countQuestion(count, args.request);
  return pcbFlowQuestion(args.request);
}

/** The question what a count refers to, unless the words or the flow leave one meaning. */
function countDoubt(flow: FlowId, args: RequestArgs, hints: Hints): ChoiceQuestion | undefined {
  const count = args.count ?? hints.count;
  if (count === undefined || args.count_means !== undefined || meaningOf(flow, args, hints) !== undefined) {
    return undefined;
  }
  return flows[flow].kind === "setup" || flow === "finetune" ? undefined : countQuestion(count, args.request, flow);
}

function meaningOf(flow: FlowId, args: RequestArgs, hints: Hints): CountMeaning | undefined {
  if (args.count_means) return args.count_means;
  const sized = ["crop_max_emit", "render_patches", "num_sdg"].some((knob) => args.knobs?.[knob] !== undefined);
  if (flow === manual || flow === alignment) return "defects";
  if (sized) return undefined;
  const { counted } = hints;
  if (counted === "patch" || counted === "frame" || counted === "cell") return "raw_patches";
  if (flow === structural) return counted === "crop" || counted === "defect" ? "structural_crops" : undefined;
  if (counted === "crop") return "final_crops";
  return counted === "defect" && flow === day0 ? "defects" : undefined;
}

function wantedOf(flow: FlowId, usecase: string | undefined, args: RequestArgs, hints: Hints): Wanted {
  const knobs: Record<string, unknown> = { ...sizeKnobs(flow, hints), ...args.knobs };
  if (flow === structural && hints.modes.length > 0) knobs.defect_modes ??= hints.modes.join(",");
  if (flow === day0 && hints.missing_component) {
    knobs.anomaly_types_json ??= '[["passive_component","missing"]]';
  }
  const means = meaningOf(flow, args, hints);
  return {
    flow: flows[flow],
    usecase,
    board: args.board ?? (flows[flow].knobs.board ? hints.board : undefined),
    count: means === undefined ? undefined : (args.count ?? hints.count),
    count_means: means,
    knobs,
  };
}

/** Smoke test and full coverage, as knobs of the flow. */
function sizeKnobs(flow: FlowId, hints: Hints): Record<string, string> {
  const has = flows[flow].knobs;
  if (hints.full && has.render_patches)
    return { render_patches: "-1", ...(has.crop_max_emit ? { crop_max_emit: "" } : {}) };
  if (!hints.smoke) return {};
  if (has.crop_max_emit) return { render_patches: "5", crop_max_emit: "1" };
  if (has.render_patches) return { render_patches: "5" };
  return has.num_sdg ? { num_sdg: "15" } : {};
}
