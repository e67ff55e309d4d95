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

/** Prints one JSON object on one line; figures without a value (NaN) are null. */
export function printJson(io: CliIo, value: unknown): void {
  print(io.stdout, `${JSON.stringify(value)}\n`);
}
