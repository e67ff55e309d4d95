import { isAbsolute, join, resolve } from "node:path";
import { Refusal } from "../errors.ts";
import { containedPath, realPathOf } from "../fs/contained.ts";
import { firstFiles } from "../fs/folder.ts";
import { kindOf, listNames } from "../fs/read.ts";
import type { Deps } from "../ports/call.ts";
import { noFolder } from "../run/nearest.ts";
import { workspacePaths } from "../run/paths.ts";

/** Where the workspace was named: the argument, a variable, or the directory that the server was started in. */
export type WorkspaceSource = "argument" | "DEFT_WORKSPACE" | "CLAUDE_PROJECT_DIR" | "current directory";

export type Workspace = { readonly workspace: string; readonly source: WorkspaceSource };

/**
 * The workspace of a call, as a real absolute path: the argument, else `DEFT_WORKSPACE`, else `CLAUDE_PROJECT_DIR`,
 * else the current directory when it holds `specs/baseline_spec.yaml`. A relative path counts from the current one.
 *
 * @throws Refusal `input.no-workspace` when nothing names one, or the named path is no readable directory.
 */
export async function resolveWorkspace(
  argument: string | undefined,
  deps: Pick<Deps, "env" | "cwd">,
): Promise<Workspace> {
  const named = await nameWorkspace(argument, deps);
  refuseShellForms("workspace", named.path);
  const path = resolve(deps.cwd, named.path);
  if ((await kindOf(path)) !== "directory") {
    const { message, facts } = await noFolder(path);
    throw new Refusal("input.no-workspace", message, { ...facts, source: named.source });
  }
  const workspace = await realPathOf(path);
  await listNames(workspace);
  return { workspace, source: named.source };
}

async function nameWorkspace(
  argument: string | undefined,
  deps: Pick<Deps, "env" | "cwd">,
): Promise<{ path: string; source: WorkspaceSource }> {
  if (argument) return { path: argument, source: "argument" };
  for (const source of ["DEFT_WORKSPACE", "CLAUDE_PROJECT_DIR"] as const) {
    const path = deps.env[source];
    if (path) return { path, source };
  }
  if ((await kindOf(workspacePaths(deps.cwd).spec)) === "file") return { path: deps.cwd, source: "current directory" };
  throw new Refusal("input.no-workspace", "No workspace was named, and the current directory is none.", {
    tried: ["workspace", "DEFT_WORKSPACE", "CLAUDE_PROJECT_DIR", "specs/baseline_spec.yaml in the current directory"],
    current_directory: deps.cwd,
  });
}

const imageName = /\.(png|jpe?g|bmp|tiff?|webp)$/i;
/** Files that are looked at before a folder counts as one of photos, or as empty. */
const looked = 20_000;

/**
 * Refuses a directory that is no workspace yet: empty, or a folder of photos. Anything of a workspace in it, a spec, a
 * table, a pool, a run, makes it one, whose findings say what it lacks.
 *
 * @throws Refusal `input.bare-folder`.
 */
export async function refuseBareFolder(workspace: string): Promise<void> {
  const { spec, trainingCsv, validationCsv, kpiCsv, poolCsv, results } = workspacePaths(workspace);
  const kinds = await Promise.all([spec, trainingCsv, validationCsv, kpiCsv, poolCsv, results].map(kindOf));
  if (kinds.some((kind) => kind !== "absent")) return;
  const names = await firstFiles(workspace, looked);
  const images = names.filter((name) => imageName.test(name));
  if (images.length === 0 && names.length > 0) return;
  const next =
    images.length > 0
      ? `deft-mcp import ${workspace} NEW_DIR shows by rule what a workspace of them would be, and writes nothing without --write`
      : `deft-mcp init ${workspace} makes folders and tables to fill; deft-mcp import SOURCE ${workspace} fills them from images`;
  const message =
    images.length > 0
      ? `${workspace} holds ${images.length} images but no tables: import them.`
      : `${workspace} is empty: there is nothing to plan with.`;
  throw new Refusal("input.bare-folder", message, { images: images.length, examples: images.slice(0, 3), next });
}

/**
 * The real absolute path of an input file inside the workspace. A relative path counts from the workspace.
 *
 * @throws Refusal `gate.path-outside-workspace`, or `input.invalid` for `~` and `${...}`, which nothing expands here.
 */
export async function inputPath(workspace: string, given: string, what: string): Promise<string> {
  refuseShellForms(what, given);
  return containedPath([workspace], isAbsolute(given) ? given : join(workspace, given), what);
}

function refuseShellForms(what: string, path: string): void {
  if (path === "~" || path.startsWith("~/") || path.includes("${")) {
    throw new Refusal("input.invalid", `${what} is taken literally: ~ and \${...} are not expanded.`, { what, path });
  }
}
