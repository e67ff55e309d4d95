import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { Refusal } from "../../../server/errors.ts";
import { understand } from "../../../server/osmo/sentence/understand.ts";
import { modesOf } from "../../../server/osmo/taxonomy.ts";
import { defectModes } from "../../../server/osmo/usecases.ts";

const names = { boards: ["0603_H100", "1152819000"], usecases: ["pcb", "metal_surface", "glass"] };

/** A piece of a sentence with what it says; `undefined` where nobody can be sure, `nothing` where it says nothing. */
type Piece<T> = { readonly text: string; readonly says: T | undefined };

const grouped = (count: number, separator: string) => String(count).replace(/\B(?=(\d{3})+$)/g, separator);
const count = fc.integer({ min: 1, max: 3000 });
const quantity: fc.Arbitrary<Piece<number> | undefined> = fc.oneof(
  fc.constant(undefined),
  count.map((n) => ({ text: String(n), says: n })),
  count.filter((n) => n >= 1000).map((n) => ({ text: grouped(n, ","), says: n })),
  fc
    .tuple(
      count,
      fc.constantFrom(
        (n: number) => `${n}-${n + 10}`,
        (n: number) => `${n} to ${n + 10}`,
        (n: number) => `${n} or ${n + 10}`,
        (n: number) => `at least ${n}`,
        (n: number) => `up to ${n}`,
        (n: number) => `${n}k`,
        (n: number) => `${n}.5`,
        (n: number) => `${n}%`,
        (n: number) => `-${n}`,
        (n: number) => `1.${String(n).padStart(3, "0")}`,
        (n: number) => `1 ${String(n).padStart(3, "0").slice(-3)}`,
        (n: number) => `${n} times ${n}`,
        (n: number) => `not ${n}`,
      ),
    )
    .map(([n, write]) => ({ text: write(n), says: undefined })),
  fc
    .constantFrom(
      "fifty",
      "a dozen",
      "two hundred",
      "a few",
      "several",
      "cincuenta",
      "fünfzig",
      "五十",
      "half",
      "one",
      "ХХ",
    )
    .map((text) => ({ text, says: undefined })),
);

const board: fc.Arbitrary<Piece<string> | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom("spark", "0603_H100", "0603").map((text) => ({ text: `${text} board`, says: "0603_H100" })),
  fc.constantFrom("1152819000", "115_2819_000").map((text) => ({ text: `${text} board`, says: "1152819000" })),
  fc
    .constantFrom("foo", "0402", "DUT", "0603_H200", "115_2819_001", "sparc", "other", "new", "placa")
    .map((text) => ({ text: `${text} board`, says: undefined })),
);

const words = {
  shift: ["shift", "shifted"],
  tombstone: ["tombstone", "tomb-stone"],
  sideflip: ["sideflip", "side flip", "side-flip"],
};
const modes = fc.subarray([...defectModes], { minLength: 1 });
const negation = fc.constantFrom(
  "no",
  "not",
  "without",
  "but no",
  "except",
  "never",
  "don't make",
  "anything but",
  "kein",
  "sans",
  "neither",
);

it("a sentence never plans with a value that differs from what it says", () => {
  let planned = 0;
  fc.assert(
    fc.property(
      fc.record({
        quantity,
        board,
        modes,
        unwanted: fc.subarray([...defectModes]),
        negation,
        spelling: fc.nat(5),
        early: fc.boolean(),
      }),
      (drawn) => {
        const spelt = (mode: keyof typeof words) => words[mode][drawn.spelling % words[mode].length] ?? mode;
        const negated =
          drawn.unwanted.length === 0
            ? ""
            : `${drawn.negation} ${drawn.unwanted.map((mode) => `${spelt(mode)}s`).join(" and ")}`;
        const wanted = `${drawn.quantity?.text ?? ""} ${drawn.modes.map(spelt).join(" and ")} crops${drawn.board ? ` of the ${drawn.board.text}` : ""}`;
        const request = drawn.early ? `${negated}, ${wanted}` : `generate ${wanted}${negated && `, ${negated}`}`;
        const plan = settledOf(request);
        if (plan === undefined) return;
        planned += 1;
        expect(drawn.quantity === undefined ? undefined : plan.asked?.count).toBe(drawn.quantity?.says);
        if (drawn.quantity) expect(drawn.quantity.says).toBeDefined();
        else expect(plan.asked).toBeUndefined();
        expect(plan.values.board).toBe(drawn.board ? drawn.board.says : "0603_H100");
        expect([...modesOf(plan.values)].sort()).toEqual([...drawn.modes].sort());
        expect(drawn.unwanted.filter((mode) => modesOf(plan.values).includes(mode))).toEqual([]);
      },
    ),
    { numRuns: 3000, seed: 19 },
  );
  // A test that never plans proves nothing.
  expect(planned).toBeGreaterThan(100);
});

it("a word that is not known keeps any sentence from planning", () => {
  const clear = fc.constantFrom(
    "50 tombstone crops of the spark board",
    "20 clean patches",
    "40 metal defects",
    "missing components",
  );
  const strange = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(...[..."bcdfxqzéß中жñ0369%#$@{"]) });
  fc.assert(
    fc.property(clear, strange, fc.nat(8), (request, word, place) => {
      const parts = request.split(" ");
      parts.splice(place % (parts.length + 1), 0, word);
      // Signs alone say nothing; digits beside digits are a number of their own.
      fc.pre(/[\p{L}\p{N}%#$@]/u.test(word) && !/^\d+$/.test(word));
      expect(settledOf(parts.join(" "))).toBeUndefined();
    }),
    { numRuns: 2000, seed: 19 },
  );
});

function settledOf(request: string) {
  try {
    return understand({ request }, { names }).settled;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}
