import { describe, expect, it } from "@jest/globals";
import { type Act, readAnswer } from "../../../../server/loop/approval/answer-words.ts";

const settled = { max_iterations: 2, num_epochs: 10, num_sdg: 20, top_k: 5 };

const answers: readonly (readonly [string, string, Act?])[] = [
  ...[
    "yes",
    "Yes, run it as shown",
    "ok, take it",
    "just do it",
    "go",
    "Go ahead.",
    "looks good",
    "LGTM 👍",
    "👍",
    "fine",
    "yes, that is what I want",
    "yes, use that bucket",
    "Approved",
    "no problem, go ahead",
    "No changes, proceed",
    "Why not, let's go",
    "yes, 2 iterations are fine",
    "ja, mach das",
    "passt",
    "Einverstanden, los geht's",
    "kein Problem, ja",
    "oui, vas-y",
    "d'accord",
    "sí",
    "Sí, adelante",
    "vale",
    "sim, pode começar",
    "va bene",
    "ja, akkoord",
    "tak, zgoda",
    "да, запускай",
    "evet, tamam",
    "好的",
    "可以，开始吧",
    "没问题，批准",
    "はい、お願いします",
    "承認します",
    "네, 진행하세요",
  ].map((words) => [words, "yes"] as const),
  ...[
    "no",
    "No.",
    "no, wait, do not start it",
    "nein, abbrechen",
    "not yet",
    "stop",
    "cancel that",
    "I don't want this",
    "hold on",
    "non merci",
    "no, gracias",
    "não",
    "nee",
    "nie teraz",
    "нет",
    "hayır",
    "不要",
    "先不要",
    "いいえ",
    "やめて",
    "아니요",
  ].map((words) => [words, "no"] as const),
  ...[
    "what does that cost?",
    "How long will it take",
    "was kostet das?",
    "combien de temps ?",
    "yes, but can it use the second GPU?",
    "¿cuánto cuesta?",
    "多少钱？",
    "これはいくらですか",
  ].map((words) => [words, "question"] as const),
  ...[
    "Looks good, but make it 3 iterations",
    "max_iterations should be 2 and num_epochs 30, then go",
    "3 iterations please, then ok",
    "ok, mit 5 Iterationen",
    "ja, aber mit mehr Epochen",
    "oui mais avec 20 époques",
    "sí, pero primero con menos imágenes",
    "yes if the GPU is free",
    "go, only with top_k 10",
    "好的，但是改成三次",
    "はい、ただし変更して",
  ].map((words) => [words, "change"] as const),
  ...[
    "n/a",
    "null",
    "maybe",
    "hmm",
    "let me think",
    "the weather is nice",
    "12",
    "good question, let me look at the numbers",
    "yes and no",
  ].map((words) => [words, "unclear"] as const),
  ...["", "   ", "\u200b\u200d", "\u2800", "\u3164 \ufeff", "...", "-"].map((words) => [words, "blank"] as const),
  ["stop it", "yes", "stop"],
  ["yes, cancel it", "yes", "stop"],
  ["no, make it 3 iterations", "change"],
  ["ja, abbrechen", "yes", "stop"],
  ["no, let it run", "no", "stop"],
  ["don't stop it", "no", "stop"],
  ["keep it running", "no", "stop"],
  ["why?", "question", "stop"],
  ["repaired", "yes", "repair"],
  ["I removed the 3 rows and restored the images", "yes", "repair"],
  ["ja, behoben", "yes", "repair"],
  ["已修复", "yes", "repair"],
  ["it is not repaired", "unclear", "repair"],
  ["nothing", "unclear", "repair"],
  ["no", "no", "repair"],
];

describe("words that an agent relays", () => {
  it.each(answers)("%j reads as %s", (words, as, act = "start") => {
    expect(readAnswer(words, act, settled).as).toBe(as);
  });

  it("name what preflight must be given", () => {
    expect(readAnswer("Looks good, but make it 3 iterations and 12 epochs", "start", settled).pass).toEqual({
      max_iterations: 3,
      num_epochs: 12,
    });
  });

  it("are read through marks that nobody sees", () => {
    expect(readAnswer("n\u200bo", "start").as).toBe("no");
    expect(readAnswer("ｎｏ", "start").as).toBe("no");
  });
});
