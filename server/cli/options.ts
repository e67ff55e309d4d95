/** One option of a command. `fallback` stands for it when it is not given; a required one has none. */
export type Option = {
  readonly kind: "flag" | "text" | "texts" | "path" | "paths" | "pairs" | "number" | "choice";
  readonly help: string;
  /** What stands for its value in usage lines; a flag has none. */
  readonly value?: string;
  readonly required?: true;
  readonly fallback?: string | number;
  readonly choices?: readonly string[];
  readonly bounds?: Bounds;
};

export type Bounds = { readonly min: number; readonly max?: number; readonly whole?: boolean };

type NoMore = Record<never, never>;

export const flag = (help: string) => ({ kind: "flag", help }) as const;

/** Text that the command reads itself. */
export const text = <const More extends object = NoMore>(value: string, help: string, more?: More) =>
  ({ kind: "text", value, help, ...(more as More) }) as const;

/** A path; one that is not absolute counts from the current directory. */
export const path = <const More extends object = NoMore>(value: string, help: string, more?: More) =>
  ({ kind: "path", value, help, ...(more as More) }) as const;

/** The same, any number of times. */
export const paths = (value: string, help: string) => ({ kind: "paths", value, help }) as const;

/** `KEY=VALUE`, any number of times. */
export const pairs = (help: string) => ({ kind: "pairs", value: "KEY=VALUE", help }) as const;

export const number = <const More extends object = NoMore>(value: string, bounds: Bounds, help: string, more?: More) =>
  ({ kind: "number", value, bounds, help, ...(more as More) }) as const;

export const choice = <const Name extends string, const More extends object = NoMore>(
  choices: readonly Name[],
  help: string,
  more?: More,
) => ({ kind: "choice", value: choices.join("|"), choices, help, ...(more as More) }) as const;

type OrAbsent<O> = O extends { required: true } | { fallback: string | number } ? never : undefined;

/** What a command gets for an option. */
export type ValueOf<O> = O extends { kind: "flag" }
  ? boolean
  : O extends { kind: "paths" }
    ? readonly string[]
    : O extends { kind: "pairs" }
      ? Readonly<Record<string, string>>
      : O extends { kind: "number" }
        ? number | OrAbsent<O>
        : O extends { kind: "choice"; choices: readonly (infer Name)[] }
          ? Name | OrAbsent<O>
          : string | OrAbsent<O>;

/** Options of the same meaning everywhere. */
export const json = flag("one JSON object on stdout, for programs; a refusal too");
export const workspace = text(
  "DIR",
  "the workspace; else DEFT_WORKSPACE, else the only one in or above this directory",
);
