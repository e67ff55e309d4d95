import { PassThrough } from "node:stream";
import type { CliIo } from "../../server/cli/io.ts";

type Run = (argv: string[], io: CliIo) => Promise<number>;

/** Runs a subcommand in this process and returns what it printed. */
export async function runCommand(run: Run, argv: string[], cwd = process.cwd()) {
  const out = collector();
  const err = collector();
  const code = await run(argv, { stdout: out.stream, stderr: err.stream, env: {}, cwd, isTty: false });
  return { code, stdout: out.text(), stderr: err.text() };
}

function collector() {
  const stream = new PassThrough();
  const pieces: Buffer[] = [];
  stream.on("data", (piece: Buffer) => pieces.push(piece));
  return { stream, text: () => Buffer.concat(pieces).toString("utf8") };
}
