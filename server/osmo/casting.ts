/** A value as OSMO holds it after `--set`: whether it became a number, and how a template prints it. */
export type CastValue = { readonly number: boolean; readonly text: string };

const integer = /^\s*([+-]?)(\d+(?:_\d+)*)\s*$/;
const decimal = /^\s*([+-]?)((?:\d+(?:_\d+)*)?(?:\.(?:\d+(?:_\d+)*)?)?(?:e[+-]?\d+(?:_\d+)*)?)\s*$/i;
const special = /^\s*([+-]?)(inf|infinity|nan)\s*$/i;

/** What `--set` makes of a value: Python's int(), then float(), else the text itself. `--set-string` never casts. */
export function castSet(value: string): CastValue {
  const whole = integer.exec(value);
  if (whole) return { number: true, text: String(BigInt(whole[2]?.replaceAll("_", "") ?? "0") * sign(whole[1])) };
  const word = special.exec(value);
  if (word) return { number: true, text: specialText(word[1], word[2]) };
  if (decimal.test(value) && /\d/.test(value.split(/e/i)[0] ?? "")) {
    return { number: true, text: pythonFloat(Number(value.trim().replaceAll("_", ""))) };
  }
  return { number: false, text: value };
}

/** Whether a name or directory comes out of `--set` as it went in. */
export function survivesCasting(value: string): boolean {
  return castSet(value).text === value;
}

function sign(text: string | undefined): bigint {
  return text === "-" ? -1n : 1n;
}

function specialText(signText: string | undefined, word: string | undefined): string {
  if (word?.toLowerCase() === "nan") return "nan";
  return signText === "-" ? "-inf" : "inf";
}

/** Python's repr of a float. */
function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return Number.isInteger(value) ? `${Object.is(value, -0) ? "-0" : value}.0` : String(value);
}
