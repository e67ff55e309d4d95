const small = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
  .concat(" seventeen eighteen nineteen")
  .split(" ");
const tens = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");
const scales: Readonly<Record<string, number>> = { dozen: 12, hundred: 100, thousand: 1000, million: 1_000_000 };
/** Quantities without a value of their own. */
const vague =
  "few several many much more less fewer most lots couple handful bunch plenty half double triple twice once"
    .concat(" enough thousands hundreds dozens")
    .split(" ");

const words = [...small, ...tens, ...Object.keys(scales), "k", ...vague];

/** Number words in a row (`two dozen`, `a few hundred`, `fifty-five`), as the source of a regular expression. */
export const numberWords = `(?:an? (?=few|couple|dozen|hundred|thousand|million|handful|bunch))?(?:${words.join("|")})(?:(?: and |[ -])(?:${words.join("|")}))*`;

/** A number as it stands in a text, with its sign, its separators and whatever is stuck to it. */
export const numeral = /[~≈<>≤≥±+\-–—−]{0,2}\d[^\s;:!?()"“”]*(?:[ \u00a0\u202f]\d{3}(?!\d))*/y;

/** The value of digits that nobody can read in two ways: `50`, `1,000`. */
export function exactNumber(text: string): number | undefined {
  const digits = text.replace(/^[~≈]/, "");
  return /^(?:0|[1-9]\d{0,6}|[1-9]\d{0,2}(?:,\d{3}){1,2})$/.test(digits)
    ? Number(digits.replaceAll(",", ""))
    : undefined;
}

/**
 * Values that a quantity may mean, to be offered and never to be used: both ends of a range, `1.000` as a thousand,
 * `10k`, `two dozen`. Empty where it has none.
 */
export function possibleNumbers(text: string): number[] {
  const found = /\d/.test(text) ? numeralValues(text) : [wordValue(text)];
  return [...new Set(found)].filter((value) => Number.isSafeInteger(value) && value > 0 && value <= 1_000_000);
}

function numeralValues(text: string): number[] {
  return [...text.matchAll(/(\d+(?:[.,'’_\u00a0\u202f ]\d+)*)(k\b|e\d\b)?/gi)].flatMap(
    ([, digits = "", factor = ""]) => {
      const times = factor.toLowerCase() === "k" ? 1000 : factor === "" ? 1 : 10 ** Number(factor.slice(1));
      if (times > 1) return [Number(digits.replace(",", ".")) * times];
      const grouped = /^\d{1,3}(?:[.,'’_\u00a0\u202f ]\d{3})+$/.test(digits);
      return grouped || /^\d+$/.test(digits) ? [Number(digits.replace(/\D/g, ""))] : [];
    },
  );
}

function wordValue(text: string): number {
  let sum = 0;
  let part = 0;
  for (const word of text.split(/[ -]+/)) {
    const scale = scales[word];
    if (vague.includes(word)) return Number.NaN;
    if (small.includes(word)) part += small.indexOf(word);
    else if (tens.includes(word)) part += (tens.indexOf(word) + 2) * 10;
    else if (scale !== undefined) {
      part = (part === 0 ? 1 : part) * scale;
      if (scale >= 1000) [sum, part] = [sum + part, 0];
    }
  }
  return sum + part;
}
