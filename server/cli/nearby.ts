import { dirname, join, resolve } from "node:path";
import { Refusal } from "../errors.ts";
import { kindOf, listNames } from "../fs/read.ts";
import { resolveRun } from "../loop/which-run.ts";
import type { Deps } from "../ports/call.ts";
import { noFolder } from "../run/nearest.ts";
import { runPaths, workspacePaths } from "../run/paths.ts";

type Place = Pick<Deps, "env" | "cwd">;

/**
 * The workspace that a person means: the named one, that of the environment, the one around the current directory, or
 * the only one in it. Undefined where there is none, which `resolveWorkspace` refuses.
 *
 * @throws Refusal `input.no-workspace` with the candidates when several lie in the current directory.
 */
export async function workspaceNearby(named: string | undefined, { env, cwd }: Place): Promise<string | undefined> {
  if (named !== undefined || env.DEFT_WORKSPACE || env.CLAUDE_PROJECT_DIR) return named;
  const around = await firstAbove(cwd, (dir) => workspacePaths(dir).spec);
  if (around !== undefined) return around;
  const names = (await listNames(cwd)).filter((name) => !name.startsWith("."));
  const kinds = await Promise.all(names.map((name) => kindOf(workspacePaths(join(cwd, name)).spec)));
  const below = names.filter((_, at) => kinds[at] === "file");
  if (below.length > 1) {
    throw new Refusal("input.no-workspace", "Several workspaces lie in this directory.", { candidates: below });
  }
  return below[0] === undefined ? undefined : join(cwd, below[0]);
}

/**
 * The run that a person means: its directory or that of its workspace, an id, the run around the current directory, else as `resolveRun` chooses
 * in the workspace nearby.
 *
 * @throws Refusal `input.no-run`, `input.run-ambiguous`, `input.no-workspace`.
 */
export async function runNearby(
  named: string | undefined,
  workspace: string | undefined,
  deps: Deps,
  options: { orLatest?: boolean } = { orLatest: true },
): Promise<string> {
  const path = resolve(deps.cwd, named ?? "");
  const kind = await kindOf(path);
  const isPath = named !== undefined && (named.includes("/") || kind === "directory");
  if (named !== undefined && kind === "absent" && (isPath || !named.startsWith("run_"))) {
    const { message, facts } = await noFolder(path);
    throw new Refusal("input.no-run", message, facts);
  }
  if (isPath && (await kindOf(workspacePaths(path).spec)) === "file")
    return await resolveRun({ workspace: path }, deps, options);
  if (isPath) return await resolveRun({ run: path }, deps);
  if (named === undefined && workspace === undefined) {
    const around = await firstAbove(deps.cwd, (dir) => runPaths(dir).state);
    if (around !== undefined) return around;
  }
  return await resolveRun({ run: named, workspace: await workspaceNearby(workspace, deps) }, deps, options);
}

/** The nearest directory, this one or above it, of which a file exists. */
async function firstAbove(from: string, fileOf: (dir: string) => string): Promise<string | undefined> {
  for (let dir = from; ; dir = dirname(dir)) {
    if ((await kindOf(fileOf(dir))) === "file") return dir;
    if (dir === dirname(dir)) return undefined;
  }
}
