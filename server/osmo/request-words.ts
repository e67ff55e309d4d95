import { defined } from "../run/defined.ts";
import { defectModes } from "./usecases.ts";

export const families = ["texture", "good", "structural", "photo", "manual", "finetune", "setup"] as const;
export type Family = (typeof families)[number];

/** What a sentence names, as far as words tell; silence is silence, never a default. */
export type Hints = {
  readonly families: ReadonlySet<Family>;
  readonly missing_component: boolean;
  readonly usecase?: string;
  readonly board?: string;
  readonly other_board: boolean;
  readonly count?: number;
  readonly counted?: string;
  readonly modes: readonly string[];
  readonly smoke: boolean;
  readonly full: boolean;
  readonly own_data: boolean;
  readonly defects: boolean;
  readonly finetune_only: boolean;
};

const familyWords: Readonly<Record<Family, RegExp>> = {
  texture:
    /\btextur|solder bridge|\bbridg(e|ing)\b|\bscratch|discolou?r|excess.solder|missing[- ](component|part)|\bday[- ]?0\b/,
  good: /\b(good|clean|golden|defect[- ]free|normal)\b/,
  structural: /\btombston|\bside[- ]?flip|\bstructural|\bpose\b|\bshift(ed|s)?\b/,
  photo: /\breal (board )?(photo|image|picture)|\baoi (photo|screenshot|image)|\bday[- ]?1\b|\breal[- ]alignment/,
  manual: /\bmanual roi|pre-?captured|(skip|without|no) (the )?alignment/,
  finetune: /\bfine-?tun|\b(re)?train(ing)?\b/,
  setup: /\bset ?up\b|\b(download|fetch) (the )?(assets|models?|data|checkpoints?|pretrained)/,
};

const countPattern =
  /\b(\d{1,6})\s+(?:[a-z0-9_-]+\s+){0,3}?(images?|crops?|samples?|defects?|patch(?:es)?|frames?|pictures?|cells?)\b/;

/** Reads the user's words. The caller's explicit arguments beat every hint. */
export function readRequest(request: string): Hints {
  const text = request.toLowerCase();
  const counted = countPattern.exec(text);
  const usecase = usecaseOf(text);
  const board = /0603/.test(text) ? "0603_H100" : /115_?2819_?000/.test(text) ? "1152819000" : undefined;
  return {
    families: new Set(families.filter((family) => familyWords[family].test(text))),
    missing_component: /missing[- ](component|part)/.test(text),
    ...defined({ usecase: usecase || undefined, board: board || undefined }),
    other_board: /\b(another|other|different|own|custom|new|my) board\b/.test(text),
    ...(counted ? { count: Number(counted[1]), counted: counted[2]?.replace(/(e?)s$/, "") ?? "" } : {}),
    modes: defectModes.filter((mode) => new RegExp(mode === "sideflip" ? "side[- ]?flip" : `\\b${mode}`).test(text)),
    smoke: /\bsmoke|\bquick (run|test|try)|\bsanity/.test(text),
    full: /\bfull (coverage|board|scan)|\b(every|all) cells?|\bwhole board/.test(text),
    own_data: /\b(my|our|own) (data|images|photos|pictures|dataset)/.test(text),
    defects: /\bdefect/.test(text),
    finetune_only: /\b(only|just)\b.*\b(fine-?tun|train)|\bfine-?tun\w* only/.test(text),
  };
}

function usecaseOf(text: string): string | undefined {
  const named = [
    /\bmetal/.test(text) ? "metal_surface" : "",
    /\bglass|\b(phone|mobile) screen/.test(text) ? "glass" : "",
    /\bpcba?\b|\bboard\b|\bsolder|\bcapacitor|\bcomponent/.test(text) ? "pcb" : "",
  ].filter(Boolean);
  return named.length === 1 ? named[0] : undefined;
}
