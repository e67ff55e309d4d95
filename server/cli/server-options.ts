import { resolve } from "node:path";
import type { Toolset } from "../../tools/define.ts";
import { Refusal } from "../errors.ts";
import type { ServerOptions } from "../mcp/options.ts";
import type { Deps } from "../ports/call.ts";
import { redactor } from "../run/redact.ts";
import { version } from "../run/version.ts";
import type { Tap } from "../trace/recorder.ts";
import { systemDeps } from "./deps.ts";
import { type CliIo, print } from "./io.ts";

const known: readonly Toolset[] = ["deft", "osmo"];

/** What a server of this process offers, by option or else by environment. @throws Refusal `input.invalid`. */
export function serverOptions(io: CliIo, toolsets: string | undefined): ServerOptions {
  const clean = redactor(io.env);
  const log = (line: string) => print(io.stderr, `${clean(line)}\n`);
  return { version, toolsets: chosenToolsets(toolsets ?? io.env.DEFT_TOOLSETS ?? "deft,osmo"), log };
}

/** The folder into which every connection is recorded; undefined when none is. */
export function recordingFolder(given: string | undefined, { env, cwd }: CliIo): string | undefined {
  return given ?? (env.DEFT_RECORD ? resolve(cwd, env.DEFT_RECORD) : undefined);
}

/** What a server of one connection works with, and what listens to it where it is recorded. */
export async function recordedDeps(
  dir: string | undefined,
  io: CliIo,
  options: ServerOptions,
): Promise<{ readonly deps: Deps; readonly tap?: Tap }> {
  if (dir === undefined) return { deps: systemDeps(io) };
  const { startRecording } = await import("../trace/recorder.ts");
  return await startRecording(dir, systemDeps(io), options);
}

function chosenToolsets(text: string): Toolset[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !(known as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Refusal("input.invalid", `Unknown toolset: ${unknown.join(", ")}.`, { known });
  return known.filter((name) => names.includes(name));
}
