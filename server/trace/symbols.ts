import { sha256 } from "../fs/hash.ts";

/** Names that stand for what differs between two runs of the same story: `{workspace}`, `{run-1}`, `{stamp-3}`. */
export type Symbols = {
  /** Writes names for values; a run, stamp or plan id seen for the first time gets the next name. */
  name(text: string): string;
  /** The same with the names that exist already: for the content of files, which must not decide the numbering. */
  nameKnown(text: string): string;
  /** Writes values for names; a name without a value stays. */
  expand(text: string): string;
  /** Gives a directory a name of its own, or finds the one it has. */
  root(kind: string, path: string): void;
  plan(id: string): void;
  /** Takes over a name that another connection gave; for directories `value` is the sha256 of the path. */
  again(name: string, value: string): void;
};

const runPattern = /run_\d{8}_\d{6}/g;
const stampPattern = /(?<![\d-])\d{4}-\d\d-\d\d_\d{6}(?!\d)/g;

/** An empty table. `onNew` hears of every name when it is given away. */
export function symbolTable(onNew: (name: string, value: string) => void = () => {}): Symbols {
  const names = new Map<string, string>();
  const values = new Map<string, string>();
  const counts = new Map<string, number>();
  let roots: [string, string][] = [];
  let plans: [string, string][] = [];
  const give = (kind: string, value: string, first: string): string => {
    const known = names.get(value) ?? names.get(sha256(value));
    if (known !== undefined) return known;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    const name = count === 1 && first !== "" ? `{${first}}` : `{${kind}-${count}}`;
    names.set(value, name);
    values.set(name, value);
    onNew(name.slice(1, -1), value);
    return name;
  };
  const fixed = (text: string) => {
    const placed = roots.reduce((rest, [path, name]) => rest.replaceAll(path, name), text);
    return plans.reduce((rest, [id, name]) => rest.replaceAll(id, name), placed);
  };
  return {
    name: (text) =>
      fixed(text)
        .replace(runPattern, (value) => give("run", value, ""))
        .replace(stampPattern, (value) => give("stamp", value, "")),
    nameKnown: (text) => {
      const known = (value: string) => names.get(value) ?? value;
      return fixed(text).replace(runPattern, known).replace(stampPattern, known);
    },
    expand: (text) => text.replace(/\{[a-z]+(?:-\d+)?\}/g, (name) => values.get(name) ?? name),
    root(kind, path) {
      if (path === "/" || path === "") return;
      roots = [...roots.filter(([known]) => known !== path), [path, give(kind, path, kind)]];
      roots.sort(([a], [b]) => b.length - a.length);
    },
    again(name, value) {
      const kind = name.replace(/-\d+$/, "");
      counts.set(kind, Math.max(counts.get(kind) ?? 0, Number(/-(\d+)$/.exec(name)?.[1] ?? 1)));
      names.set(value, `{${name}}`);
      if (kind === "plan") plans = [...plans, [value, `{${name}}`]];
    },
    plan(id) {
      if (!plans.some(([known]) => known === id)) plans = [...plans, [id, give("plan", id, "")]];
    },
  };
}

/** Applies a change to every text of a value, keys included. */
export function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [change(key), mapTexts(member, change)]));
}

/** Registers what a message tells about directories and plans, before its texts get names. */
export function learn(symbols: Symbols, value: unknown): void {
  if (Array.isArray(value)) for (const item of value) learn(symbols, item);
  if (value === null || typeof value !== "object") return;
  for (const [key, member] of Object.entries(value)) {
    if (key === "workspace" && typeof member === "string" && member.startsWith("/")) symbols.root("workspace", member);
    if ((key === "run_dir" || key === "run") && typeof member === "string") {
      const workspace = /^(\/.+)\/results\/run_\d{8}_\d{6}$/.exec(member)?.[1];
      if (workspace !== undefined) symbols.root("workspace", workspace);
    }
    if (key === "plan_id" && typeof member === "string" && /^[0-9a-f]{12}$/.test(member)) symbols.plan(member);
    learn(symbols, member);
  }
}
