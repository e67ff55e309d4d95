import { type ChoiceQuestion, echo } from "../questions.ts";

/** Words say what is not wanted: the list that is left, ready to pass. */
export function withoutQuestion(
  text: string,
  knob: "defect_modes" | "anomaly_types_json",
  left: unknown,
): ChoiceQuestion {
  const value = typeof left === "string" ? left : JSON.stringify(left);
  return {
    id: "without",
    ask: `"${text}": make only these?`,
    options: [
      { label: value, set: `knobs.${knob}=${value}`, args: { knobs: { [knob]: value } } },
      { label: "all of them", set: "no argument", args: {} },
    ],
  };
}

/** A photo is spoken of: the shipped one of the board, or the user's own. */
export function photoQuestion(request: string | undefined, own: { upload: string; pass: string }): ChoiceQuestion {
  return {
    id: "photo",
    ask: echo(request, "which photo?"),
    options: [
      { label: "the shipped photo of the board", set: "no argument", args: {} },
      { label: "our own", set: `${own.upload}; then ${own.pass}` },
    ],
    free_text: "the photo's path below datasets/pcb/assets, e.g. input_real_image/line3.jpg",
  };
}

/** A checkpoint step that the flow does not have, beside the one that it has. */
export function stepQuestion(said: number | undefined, shipped: string | undefined): ChoiceQuestion | undefined {
  if (said === undefined || shipped === undefined) return undefined;
  const step = (value: string, label: string) => ({
    label,
    set: `knobs.checkpoint_step=${value}`,
    args: { knobs: { checkpoint_step: value } },
  });
  return {
    id: "checkpoint_step",
    ask: "Which checkpoint step?",
    options: [
      step(shipped, `${shipped}, the shipped checkpoint`),
      step(String(said), `${said}, an iteration of your own in models/<usecase>`),
    ],
  };
}

/** Two runs make a ChangeNet pair. */
export function pairQuestion(): ChoiceQuestion {
  return {
    id: "pair",
    ask: "A ChangeNet pair is two runs of one name: the good images first. Which now?",
    options: [
      {
        label: "the good images of a new pair",
        set: "flow=good_image_generation pair_with=new",
        args: { flow: "good_image_generation", pair_with: "new" },
      },
      { label: "the pose defects of a pair", set: "flow=structural_defect_generation pair_with=RUN" },
      { label: "one run alone", set: "no pair_with", args: {} },
    ],
  };
}

/** What of the request has no argument yet, all of it in one question. */
export function leftQuestion(texts: readonly string[]): ChoiceQuestion {
  const shown = texts.slice(0, 40).map((text) => `"${text}"`);
  const more = texts.length > shown.length ? ` and ${texts.length - shown.length} more` : "";
  return {
    id: "left",
    ask: `Nothing was made of ${shown.join(", ")}${more}. Does it change what is wanted?`,
    options: [
      { label: "no, go on without", set: "no argument", args: {} },
      { label: "cancel", set: "pass an argument that says it" },
    ],
  };
}
