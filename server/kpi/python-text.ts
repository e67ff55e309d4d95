/** A double as Python's `str(float)` writes it: shortest digits that read back, `1.0`, `1e-07`, `nan`, `-inf`. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  // In this range JavaScript writes what Python writes, but for the ".0" of whole numbers.
  if (size >= 1e-4 && size < 1e16) return Number.isInteger(value) ? `${value}.0` : String(value);
  if (size === 0) return "0.0";
  const sign = value < 0 ? "-" : "";
  const [mantissa = "0", power = "0"] = size.toExponential().split("e");
  const exponent = Number(power);
  return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** Digits that show every tie: a double that is a tie at two or six places ends within them. */
const exactDigits = 30;

/** A number with a fixed count of decimals as Python's format writes it: exact ties go to the even digit. */
export function pythonFixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return pythonFloat(value);
  const rounded = value.toFixed(digits);
  const exact = Math.abs(value).toFixed(digits + exactDigits);
  const isTie = /^50*$/.test(exact.slice(-exactDigits));
  if (!isTie) return rounded;
  const truncated = exact.slice(0, -exactDigits).replace(/\.$/, "");
  const lastDigit = Number(truncated.at(-1));
  return lastDigit % 2 === 0 ? (value < 0 ? "-" : "") + truncated : rounded;
}
