/**
 * The WebAssembly module that compares vectors, put together here, instruction by instruction, so that it needs no
 * compiler and no file beside the code. It has two functions of one shape, for inner products and for sums of absolute
 * differences, and takes its memory from outside.
 *
 * `compare(queries, queriesEnd, rows, rowsEnd, width, out)`: all are byte addresses, `width` is the bytes of a vector.
 * Four queries and two rows are compared at once, in eight sums of four lanes each: as many as the registers hold.
 * Vectors lie one after the other; there are a multiple of four queries and of two rows, and a vector fills a multiple
 * of `unit` values. Row by row, `out` gets a float32 for each query.
 */
export const kernelNames = ["products", "differences"] as const;

/** Values of a vector come in multiples of this. */
export const unit = 16;

const i32 = 0x7f;
const v128 = 0x7b;
const queriesAtOnce = 4;
const rowsAtOnce = 2;
const lanes = 16;

/** Parameters and locals by name, in the order of their numbers. */
const params = ["queries", "queriesEnd", "row", "rowsEnd", "width", "out"] as const;
const pointers = ["query", "end", "q0", "q1", "q2", "q3", "r0", "r1", "outNext"] as const;
const vectors = ["a", "b", "c", "s00", "s01", "s10", "s11", "s20", "s21", "s30", "s31"] as const;
type Name = (typeof params)[number] | (typeof pointers)[number] | (typeof vectors)[number];
const numbers = new Map<string, number>([...params, ...pointers, ...vectors].map((name, at) => [name, at]));

type Code = readonly number[];
const get = (name: Name): Code => [0x20, numbers.get(name) as number];
const set = (name: Name, ...value: Code[]): Code => [...value.flat(), 0x21, numbers.get(name) as number];
const constant = (value: number): Code => [0x41, ...signed(value)];
const add = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
const shiftLeft = (a: Code, by: number): Code => [...a, ...constant(by), 0x74];
const simd = (op: number): Code => [0xfd, ...unsigned(op)];
const load = (at: Code, offset: number): Code => [...at, ...simd(0), 0, ...unsigned(offset)];
const zero: Code = [...simd(12), ...new Array<number>(lanes).fill(0)];
const plus: Code = simd(0xe4);
const minus: Code = simd(0xe5);
const times: Code = simd(0xe6);
const absolute: Code = simd(0xe0);
const lane = (vector: Name, at: number): Code => [...get(vector), ...simd(0x1f), at];
/** Runs `body`, at least once, while `name` is below `limit`. */
const whileBelow = (name: Name, limit: Name, body: Code): Code => [
  ...[0x03, 0x40],
  ...body,
  ...[...get(name), ...get(limit), 0x49, 0x0d, 0, 0x0b],
];

const sum = (q: number, r: number) => `s${q}${r}` as Name;
const cells = [0, 1, 2, 3].flatMap((q) => [0, 1].map((r) => [q, r] as const));

/** Sums up what one step of four lanes adds, for all eight pairs. */
function step(combine: Code, offset: number): Code {
  const rows = set("a", load(get("r0"), offset)).concat(set("b", load(get("r1"), offset)));
  const pairs = cells.flatMap(([q, r]) => [
    ...(r === 0 ? set("c", load(get(`q${q}` as Name), offset)) : []),
    ...set(sum(q, r), get(sum(q, r)), get("c"), get(r === 0 ? "a" : "b"), combine, plus),
  ]);
  return [...rows, ...pairs];
}

function body(combine: Code): Code {
  const steps = Array.from({ length: unit / 4 }, (_, at) => step(combine, at * lanes)).flat();
  const moved: Name[] = ["q0", "q1", "q2", "q3", "r0", "r1"];
  const overVector = whileBelow("q0", "end", [
    ...steps,
    ...moved.flatMap((name) => set(name, add(get(name), constant(4 * unit)))),
  ]);
  const total = (q: number, r: number): Code => {
    const parts = [0, 1, 2, 3].map((at) => lane(sum(q, r), at));
    return [...(parts[0] as Code), ...parts.slice(1).flatMap((part) => [...part, 0x92])];
  };
  const store = cells.flatMap(([q, r]) => [
    ...get(r === 0 ? "out" : "outNext"),
    ...total(q, r),
    ...[0x38, 2, ...unsigned(4 * q)],
  ]);
  const overQueries = whileBelow("query", "queriesEnd", [
    ...cells.flatMap(([q, r]) => set(sum(q, r), zero)),
    ...set("q0", get("query")),
    ...(["q1", "q2", "q3"] as const).flatMap((name, at) => set(name, add(get(`q${at}` as Name), get("width")))),
    ...set("end", get("q1")),
    ...set("r0", get("row")),
    ...set("r1", add(get("row"), get("width"))),
    ...overVector,
    ...store,
    ...set("out", add(get("out"), constant(4 * queriesAtOnce))),
    ...set("outNext", add(get("outNext"), constant(4 * queriesAtOnce))),
    ...set("query", add(get("query"), shiftLeft(get("width"), 2))),
  ]);
  return whileBelow("row", "rowsEnd", [
    ...set("query", get("queries")),
    // The row after the next begins where the outputs of the next one end.
    ...set("outNext", add(get("out"), outputsOfARow)),
    ...overQueries,
    ...set("out", get("outNext")),
    ...set("row", add(get("row"), shiftLeft(get("width"), rowsAtOnce / 2))),
  ]);
}

/** Bytes of the outputs of one row: four for each query, of which there are (queriesEnd - queries) / width. */
const outputsOfARow: Code = [
  ...get("queriesEnd"),
  ...get("queries"),
  0x6b,
  ...get("width"),
  ...[0x6e, ...constant(2), 0x74],
];

/** The bytes of the module. */
export function kernelCode(): Uint8Array<ArrayBuffer> {
  const locals = [2, pointers.length, i32, vectors.length, v128];
  const functions = [times, [...minus, ...absolute]].map((combine) => sized([...locals, ...body(combine), 0x0b]));
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, params.length, ...params.map(() => i32), 0]),
    ...section(2, [1, ...text("memory"), ...text("own"), 2, 0, 1]),
    ...section(3, [2, 0, 0]),
    ...section(7, [2, ...kernelNames.flatMap((name, at) => [...text(name), 0, at])]),
    ...section(10, [2, ...functions.flat()]),
  ]);
}

const text = (name: string): Code => sized([...name].map((letter) => letter.charCodeAt(0)));
const section = (id: number, content: Code): Code => [id, ...sized(content)];
const sized = (content: Code): Code => [...unsigned(content.length), ...content];

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value < 64 ? [value] : [(value & 127) | 128, ...signed(value >>> 7)];
}
