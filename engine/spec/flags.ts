import { EngineFailure } from "../failure.ts";

/** Values of `--name value` arguments; underscores and hyphens in names mean the same. */
export type Flags = {
  text(name: string): string | undefined;
  number(name: string, fallback: number): number;
  whole(name: string, fallback: number): number;
};

/** Reads `--name value` and `--name=value`. @throws EngineFailure for an unknown, valueless or missing argument. */
export function readFlags(
  args: readonly string[],
  names: { required: readonly string[]; optional: readonly string[] },
): Flags {
  const known = new Set([...names.required, ...names.optional]);
  const values = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const [flag = "", inline] = (args[i] as string).split(/=(.*)/s);
    const name = flag.replace(/^--/, "").replaceAll("_", "-");
    if (!flag.startsWith("--") || !known.has(name)) throw new EngineFailure("ValueError", `unknown arg: ${flag}`);
    const value = inline ?? args[++i];
    if (value === undefined) throw new EngineFailure("ValueError", `${flag} needs a value`);
    values.set(name, value);
  }
  for (const name of names.required) {
    if (!values.has(name)) throw new EngineFailure("ValueError", `the following argument is required: --${name}`);
  }
  const number = (name: string, fallback: number): number => {
    const text = values.get(name);
    const value = text === undefined ? fallback : Number(text);
    if (!Number.isFinite(value)) throw new EngineFailure("ValueError", `--${name} must be a number, not ${text}`);
    return value;
  };
  return {
    text: (name) => values.get(name),
    number,
    whole(name, fallback) {
      const value = number(name, fallback);
      if (Number.isInteger(value) && value >= 0) return value;
      throw new EngineFailure("ValueError", `--${name} must be a whole number, not ${value}`);
    },
  };
}
