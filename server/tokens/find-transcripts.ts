import { join, resolve } from "node:path";
import { Refusal } from "../errors.ts";
import { kindOf, listPaths } from "../fs/read.ts";
import type { Deps } from "../ports/call.ts";

/**
 * The transcripts of the agents that work in this project: `~/.claude/projects/<slug>/*.jsonl`, the slug being the
 * directory with `/` written as `-` (newer clients write every other sign so too). DEFT_TRANSCRIPTS, a file or folder,
 * takes their place.
 */
export async function findTranscripts({ env, cwd }: Pick<Deps, "env" | "cwd">): Promise<string[]> {
  if (env.DEFT_TRANSCRIPTS) return await transcriptsAt(resolve(cwd, env.DEFT_TRANSCRIPTS));
  const home = env.CLAUDE_CONFIG_DIR || (env.HOME && join(env.HOME, ".claude"));
  if (!home) return [];
  const directories = new Set([env.CLAUDE_PROJECT_DIR ?? cwd, cwd].map((path) => resolve(path)));
  const slugs = [...directories].flatMap((path) => [path.replaceAll("/", "-"), path.replaceAll(/[^A-Za-z0-9]/g, "-")]);
  const found = [...new Set(slugs)].map((slug) => transcriptsAt(join(home, "projects", slug)));
  return (await Promise.all(found)).flat();
}

/** A transcript named by a person, or those of a folder. @throws Refusal `input.unreadable-file` when nothing is there. */
export async function namedTranscripts(path: string): Promise<string[]> {
  if ((await kindOf(path)) !== "absent") return await transcriptsAt(path);
  throw new Refusal("input.unreadable-file", `There is no transcript at ${path}.`, { path });
}

async function transcriptsAt(path: string): Promise<string[]> {
  return (await kindOf(path)) === "file" ? [path] : await listPaths(path, /\.jsonl$/);
}
