/** One option of a command. `fallback` stands for it when it is not given; a required one has none. */
export type Option = {
  readonly kind: "flag" | "text" | "path" | "paths" | "pairs" | "number" | "choice";
  readonly help: string;
  /** What stands for its value in usage lines; a flag has none. */
  readonly value?: string;
  readonly required?: true;
  readonly fallback?: string | number;
  readonly choices?: readonly string[];
  readonly bounds?: { readonly min: number; readonly max?: number; readonly whole?: boolean };
};

/** What a person is told of a command, and what its arguments are read by. */
export type Declaration = {
  /** One line, without a full stop. */
  readonly summary: string;
  readonly about?: string;
  /** Names in their order; those in brackets may be left out and come last. */
  readonly positionals?: readonly string[];
  readonly options?: Readonly<Record<string, Option>>;
  readonly examples?: readonly string[];
  /** Talks while it runs, so that there is nothing to tell as JSON at its end; any other takes --json. */
  readonly interactive?: true;
  /** What the exit codes mean where they mean more than elsewhere. */
  readonly exit?: string;
};

type NoMore = Record<never, never>;

const ofKind =
  <const Kind extends Option["kind"]>(kind: Kind) =>
  <const More extends object = NoMore>(value: string, help: string, more?: More) =>
    ({ kind, value, help, ...(more as More) }) as const;

export const flag = (help: string) => ({ kind: "flag", help }) as const;

/** Text that the command reads itself. */
export const text = ofKind("text");

/** A path; one that is not absolute counts from the current directory. */
export const path = ofKind("path");

/** The same, any number of times. */
export const paths = ofKind("paths");

/** `KEY=VALUE`, any number of times. */
export const pairs = (help: string) => ofKind("pairs")("KEY=VALUE", help);

/** A number; its `bounds` are in `more`. */
export const number = ofKind("number");

export const choice = <const Name extends string, const More extends object = NoMore>(
  choices: readonly Name[],
  help: string,
  more?: More,
) => ({ ...ofKind("choice")(choices.join("|"), help, more), choices });

type OrAbsent<O> = O extends { required: true } | { fallback: string | number } ? never : undefined;

type Values<Name> = { text: string; path: string; number: number; choice: Name };
type Whole = { flag: boolean; paths: readonly string[]; pairs: Readonly<Record<string, string>> };

/** What a command gets for an option. */
export type ValueOf<O> = O extends { kind: infer Kind extends keyof Whole }
  ? Whole[Kind]
  : O extends { kind: infer Kind extends keyof Values<never> }
    ? Values<O extends { choices: readonly (infer Name)[] } ? Name : never>[Kind] | OrAbsent<O>
    : never;
