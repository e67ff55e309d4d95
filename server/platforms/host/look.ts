import { join } from "node:path";
import { z } from "zod";
import { excerpt } from "../../errors.ts";
import { readHead } from "../../fs/head.ts";
import { parseJson } from "../../fs/json.ts";
import { kindOf } from "../../fs/read.ts";
import { type EnvironmentFacts, environmentFactsSchema } from "../../ports/environment.ts";
import { defined } from "../../run/defined.ts";
import type { Env } from "../../run/env.ts";
import { redactedExcerpt } from "../../run/redact.ts";
import { type Probed, runProbe } from "./cli.ts";
import { hostEnv } from "./programs.ts";
import type { HostSettings } from "./settings.ts";

/** The console scripts that stages start; those of the data services may be absent. */
const scriptNames = ["visual_changenet", "embedding", "tmm"] as const;

/** What a Python environment holds, found out by its own interpreter. Nothing is written, nothing is fetched. */
export async function lookAtVenv(
  venv: string,
  { gpus }: Pick<HostSettings, "gpus">,
  env: Env,
  signal?: AbortSignal,
): Promise<EnvironmentFacts> {
  const folder = await kindOf(venv);
  if (folder !== "directory")
    return { venv, broken: { kind: "no-folder", detail: `${venv} is ${folder}` }, scripts: {} };
  const scripts = Object.fromEntries(
    await Promise.all(scriptNames.map(async (name) => [name, await scriptAt(join(venv, "bin"), name)] as const)),
  );
  const python = join(venv, "bin", "python");
  if ((await kindOf(python)) !== "file") {
    return { venv, broken: { kind: "no-interpreter", detail: `${python} is not there` }, scripts };
  }
  const shown = gpus === undefined ? {} : { CUDA_VISIBLE_DEVICES: String(gpus) };
  const own = { PATH: `${join(venv, "bin")}:${env.PATH ?? ""}`, VIRTUAL_ENV: venv, PYTHONNOUSERSITE: "1" };
  const probed = await runProbe(python, { ...hostEnv(env), ...own, ...shown }, signal);
  return { venv, scripts, ...sectionsOf(probed) };
}

/** A console script starts the interpreter that its first line names: in an environment that was moved, another's. */
async function scriptAt(bin: string, name: string): Promise<string> {
  const path = join(bin, name);
  if ((await kindOf(path)) !== "file") return "absent";
  const start = Buffer.alloc(300);
  await readHead(path, start);
  const [, interpreter] = /^#!(\S+)/.exec(start.toString("latin1")) ?? [];
  if (interpreter === undefined || /^\/(?:usr\/)?bin\/(?:env|sh|bash)$/.test(interpreter)) return "ok";
  return (await kindOf(interpreter)) === "file" ? "ok" : `names the interpreter ${interpreter}, which is not there`;
}

const sectionSchema = z.looseObject({ section: z.string() });

function sectionsOf(probed: Probed): Omit<EnvironmentFacts, "venv" | "scripts"> {
  const sections: Record<string, unknown> = {};
  for (const line of probed.lines) {
    const { section, ...facts } = sectionSchema.parse(parseJson(line));
    sections[section] = facts;
  }
  const facts = environmentFactsSchema.partial().parse(sections);
  if ("end" in sections) return facts;
  const last = Object.keys(sections).at(-1);
  const kind = last === undefined ? "no-start" : "crashed";
  const where = last === undefined ? "before it said anything" : `after looking at ${last}`;
  return { ...facts, broken: { kind, detail: `${endOf(probed)} ${where}`, ...defined({ after: last }) } };
}

function endOf({ errno, signal, timed_out, exit_code, stderr }: Probed): string {
  if (timed_out) return "the interpreter took more than 3 minutes";
  if (errno !== undefined) return `the interpreter does not start (${errno})`;
  if (signal !== undefined) return `the interpreter was ended by ${signal}`;
  const said = redactedExcerpt(stderr.trim().split("\n").slice(-2).join(" "), 200);
  return excerpt(`the interpreter ended with ${exit_code}${said === "" ? "" : ` (${said})`}`, 300);
}
