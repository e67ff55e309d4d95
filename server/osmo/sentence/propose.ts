import { Refusal } from "../../errors.ts";
import { defined } from "../../run/defined.ts";
import { type CountMeaning, meaningsOf } from "../counting.ts";
import type { FlowId } from "../flow.ts";
import { flows } from "../flow-table.ts";
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
} from "../questions.ts";
import { boards, defaultBoard, defectModes, pairsJson, type Usecase, usecases } from "../usecases.ts";
import { pairQuestion } from "./open-questions.ts";
import type { Mention } from "./read.ts";

/** The arguments of a call that say what is wanted. */
export type RequestArgs = {
  readonly flow?: FlowId | undefined;
  readonly usecase?: string | undefined;
  readonly board?: string | undefined;
  readonly count?: number | undefined;
  readonly count_means?: CountMeaning | undefined;
  readonly request?: string | undefined;
  /** Run name or id of the other half of a pair; `new` plans both. */
  readonly pair_with?: string | undefined;
  readonly dry_run?: boolean | undefined;
  readonly knobs?: Readonly<Record<string, unknown>> | undefined;
};

/** What a sentence and the arguments come to: arguments, and questions for what no argument says yet. */
export type Proposal = {
  readonly args: RequestArgs;
  readonly questions: readonly ChoiceQuestion[];
};

const day0: FlowId = "texture_defect_generation_day0";
const structural: FlowId = "structural_defect_generation";
const alignment: FlowId = "texture_defect_generation_day1_real_alignment";
const manual: FlowId = "texture_defect_generation_day1_manual_roi";
const good: FlowId = "good_image_generation";

/**
 * Arguments for what a sentence says; those that are given stay as they are. What comes out is a proposal: `match.ts`
 * holds the plan against every word before it counts.
 */
export function propose(given: RequestArgs, mentions: readonly Mention[]): Proposal {
  const said = new Said(mentions);
  const usecase = given.usecase ?? textOf(given.knobs?.usecase) ?? said.usecase();
  const flow = given.flow ?? flowOf(said, usecase, given);
  if (typeof flow !== "string") {
    const open = usecase === undefined && flow.options.some(({ args }) => args?.flow === manual);
    const more = open ? [usecaseQuestion(["pcb", "metal_surface", "glass"], given.request)] : [];
    return { args: { ...given, usecase }, questions: [flow, ...more, ...boardDoubt(said, given)] };
  }
  const questions: ChoiceQuestion[] = [];
  const choices = flows[flow].usecases;
  if (usecase === undefined && choices.length > 1) questions.push(usecaseQuestion(choices, given.request));
  if (flows[flow].knobs.board) questions.push(...boardDoubt(said, given));
  const count = given.count ?? said.count();
  const count_means = given.count_means ?? said.countMeaning(flow);
  if (count !== undefined && count_means === undefined && meaningsOf(flows[flow]).length > 0) {
    questions.push(countQuestion([count], given.request, flow));
  }
  const board = given.board ?? (given.knobs?.board === undefined && flows[flow].knobs.board ? said.board() : undefined);
  const knobs = { ...said.sizes(flow), ...said.defects(flow, usecase ?? "pcb"), ...given.knobs };
  if (flows[flow].knobs.board && board === undefined && showsNothing(knobs, said))
    questions.push(boardQuestion(given.request));
  return { args: { ...given, flow, usecase, board, count, count_means, knobs }, questions };
}

/** Whether the defects that the sentence names are of parts that the default board does not have. */
function showsNothing(knobs: Readonly<Record<string, unknown>>, said: Said): boolean {
  if (said.values("board").some(Boolean) || said.has("other-board") || knobs.board !== undefined) return false;
  if (typeof knobs.anomaly_types_json !== "string" || !said.has("defect")) return false;
  return !knobs.anomaly_types_json.includes(materialOf(defaultBoard) ?? "");
}

const textOf = (value: unknown) => (typeof value === "string" ? value : undefined);

/** The positive part of a sentence by kinds. */
class Said {
  readonly mentions: readonly Mention[];

  constructor(mentions: readonly Mention[]) {
    this.mentions = mentions.filter(({ negated }) => !negated);
  }

  values(kind: Mention["kind"]): string[] {
    return [...new Set(this.mentions.filter((each) => each.kind === kind).map(({ value }) => value))];
  }

  has(kind: Mention["kind"], value?: string): boolean {
    return this.mentions.some((each) => each.kind === kind && (value === undefined || each.value === value));
  }

  usecase(): string | undefined {
    const named = this.values("usecase");
    if (named.length > 0) return named.length === 1 ? named[0] : undefined;
    const pcb = this.values("defect").some((defect) => usecases.pcb?.pairs.some(([, known]) => known === defect));
    return pcb || ["board", "mode", "material", "other-board"].some((kind) => this.has(kind as Mention["kind"]))
      ? "pcb"
      : undefined;
  }

  board(): string | undefined {
    const named = this.values("board").filter(Boolean);
    return named.length === 1 ? named[0] : undefined;
  }

  /** The one quantity of images that is said in digits and stands with what it counts. */
  private counted(): Mention | undefined {
    const numbers = this.mentions.filter(({ kind, of }) => kind === "number" && of !== "step" && of !== "gpu");
    const [only] = numbers;
    return numbers.length === 1 && only?.exact !== undefined && only.of !== undefined ? only : undefined;
  }

  count(): number | undefined {
    return this.counted()?.exact;
  }

  countMeaning(flow: FlowId): CountMeaning | undefined {
    const unit = this.counted()?.of;
    const meanings = meaningsOf(flows[flow]);
    const [only] = meanings;
    if (meanings.length === 1) return only;
    const all: readonly CountMeaning[] = ["structural_crops", "total_crops", "defects"];
    const wanted: readonly CountMeaning[] = this.has("per-cell")
      ? ["final_crops"]
      : unit === "patch"
        ? ["raw_patches"]
        : this.has("total")
          ? all
          : unit === "defect"
            ? ["structural_crops", "defects"]
            : unit === "crop" || unit === "them"
              ? ["structural_crops"]
              : [];
    return wanted.find((means) => meanings.includes(means));
  }

  sizes(flow: FlowId): Record<string, string> {
    const has = flows[flow].knobs;
    if (this.has("full") && has.render_patches) {
      return { render_patches: "-1", ...defined({ crop_max_emit: has.crop_max_emit && "" }) };
    }
    return this.has("smoke") ? smokeSizes(flow) : {};
  }

  /** The modes or pairs that are named; nothing where none is. */
  defects(flow: FlowId, usecase: string): Record<string, string> {
    const modes = defectModes.filter((mode) => this.has("mode", mode));
    if (flow === structural) return modes.length > 0 ? { defect_modes: modes.join(",") } : {};
    if (!flows[flow].knobs.anomaly_types_json) return {};
    const pairs = namedPairs(usecases[usecase]?.pairs ?? [], this.values("defect"), this.values("material"));
    return pairs === undefined || pairs.length === 0 ? {} : { anomaly_types_json: pairsJson(pairs) };
  }
}

/** The pairs of a taxonomy that defects and materials name; undefined where nothing is named. */
export function namedPairs(
  known: Usecase["pairs"],
  defects: readonly string[],
  materials: readonly string[],
): Usecase["pairs"] | undefined {
  if (defects.length === 0 && materials.length === 0) return undefined;
  return known.filter(
    ([material, defect]) =>
      (defects.length === 0 || defects.includes(defect)) && (materials.length === 0 || materials.includes(material)),
  );
}

/** The knobs of a quick run. */
export function smokeSizes(flow: FlowId): Record<string, string> {
  const has = flows[flow].knobs;
  if (has.crop_max_emit) return { render_patches: "5", crop_max_emit: "1" };
  if (has.render_patches) return { render_patches: "5" };
  return has.num_sdg ? { num_sdg: "15" } : {};
}

function boardDoubt(said: Said, given: RequestArgs): ChoiceQuestion[] {
  const settled = given.board !== undefined || given.knobs?.board !== undefined;
  const several = said.values("board").filter(Boolean).length > 1;
  return !settled && (several || said.has("other-board")) ? [boardQuestion(given.request)] : [];
}

function flowOf(said: Said, usecase: string | undefined, given: RequestArgs): FlowId | ChoiceQuestion {
  const { request } = given;
  if (said.has("pair") && given.pair_with === undefined) return pairQuestion();
  const [named] = said.values("flow") as FlowId[];
  if (named !== undefined)
    return said.values("flow").length === 1 ? named : whichFirstQuestion(said.values("flow") as FlowId[], request);
  const other = usecase !== undefined && usecase !== "pcb";
  const is = (family: string) => said.has("family", family);
  if (is("setup")) return setupFlow(said, usecase, request);
  if (is("finetune")) {
    if (said.has("only")) return "finetune";
    return finetuneQuestion(other || is("manual") ? manual : is("photo") ? alignment : day0, request);
  }
  if (other) return routeOther(usecase, said);
  if (is("manual")) return manual;
  if (said.has("data")) return ownDataQuestion(request);
  if (is("photo") || said.has("photo")) return alignment;
  const exact = [
    ...(is("texture") || said.values("defect").length > 0 ? [day0] : []),
    ...(is("structural") || said.has("mode") ? [structural] : []),
    ...(is("good") ? [good] : []),
  ];
  const [first] = exact;
  if (exact.length > 1) return whichFirstQuestion(exact, request);
  return first ?? vagueQuestion(said, given);
}

/** Metal and glass have no scene and no photo flow, so one route is left; clean or pose images have none. */
function routeOther(usecase: string, said: Said): FlowId {
  const family =
    said.has("mode") || said.has("family", "structural")
      ? "structural"
      : said.has("family", "good")
        ? "good"
        : undefined;
  if (family === undefined) return manual;
  throw new Refusal("osmo.illegal-pair", `There is no ${family} flow for ${usecase}.`, { usecase, flows: [manual] });
}

function setupFlow(said: Said, usecase: string | undefined, request: string | undefined): FlowId | ChoiceQuestion {
  if (said.has("family", "pretrained")) return "setup_pretrained";
  const byUsecase: Readonly<Record<string, FlowId>> = {
    pcb: "setup_pcb",
    metal_surface: "setup_metal",
    glass: "setup_glass",
  };
  const known = byUsecase[usecase ?? ""];
  return known ?? whichFirstQuestion(["setup_pretrained", "setup_pcb", "setup_metal", "setup_glass"], request);
}

function vagueQuestion(said: Said, { count, request }: RequestArgs): ChoiceQuestion {
  const wanted = count ?? said.count();
  if (said.has("smoke")) return smokeQuestion(request);
  if (said.has("defects")) return mechanismQuestion(request);
  if (wanted !== undefined) return countQuestion([wanted], request);
  return pcbFlowQuestion(request);
}

/** The material that a board shows, where that is known. */
export const materialOf = (board: string | undefined) => boards[board ?? ""]?.material;
