import { sep } from "node:path";
import { visible } from "../run/visible.ts";

/** What a subcommand may touch of its process. */
export type CliIo = {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly isTty: boolean;
};

/** Writes text whose parts may come from data: nothing in it acts on the terminal. */
export function print(out: NodeJS.WritableStream, text: string): void {
  out.write(visible(text));
}

/**
 * Prints text for a person: paths below the current directory without their long beginning, so that they can be read and
 * typed. Programs read `--json`, which has them whole.
 */
export function tell(io: Pick<CliIo, "cwd">, out: NodeJS.WritableStream, text: string): void {
  print(out, nearPaths(text, io.cwd));
}

/** A text with the paths below a folder written from there. */
export function nearPaths(text: string, dir: string): string {
  if (dir === sep) return text;
  return text.split(`${dir}${sep}`).reduce((whole, rest) => {
    // A longer path may end in the very same names.
    const isPath = whole === "" || /[\s"'`(=:|,[]$/.test(whole);
    return `${whole}${isPath && rest !== "" ? "" : `${dir}${sep}`}${rest}`;
  });
}

/** Prints one JSON object on one line; figures without a value (NaN) are null. */
export function printJson(io: CliIo, value: unknown): void {
  print(io.stdout, `${JSON.stringify(value)}\n`);
}
