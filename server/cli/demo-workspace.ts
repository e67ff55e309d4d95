import { join, resolve } from "node:path";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import { Refusal } from "../errors.ts";
import { readJson } from "../fs/json.ts";
import { kindOf } from "../fs/read.ts";

export type DemoWorkspace = { readonly workspace: string; readonly origin: "given" | "generated" | "reused" };

/**
 * The workspace that the demo runs on: the given one, else a generated one below the current directory, which is kept
 * and used again by the next demo with the same seed.
 *
 * @throws Refusal `input.workspace-exists` when something else has that name.
 */
export async function demoWorkspace(given: string | undefined, seed: number, cwd: string): Promise<DemoWorkspace> {
  if (given !== undefined) return { workspace: resolve(cwd, given), origin: "given" };
  const workspace = join(cwd, seed === 1 ? "deft-demo-workspace" : `deft-demo-workspace-${seed}`);
  if (await isGenerated(workspace, seed)) return { workspace, origin: "reused" };
  await generateWorkspace(workspace, { seed, size: "standard" });
  return { workspace, origin: "generated" };
}

async function isGenerated(workspace: string, seed: number): Promise<boolean> {
  const path = join(workspace, "build_info.json");
  if ((await kindOf(path)) !== "file") return false;
  const info = await readJson(path);
  const isOurs = typeof info === "object" && info !== null && "generator" in info && "seed" in info;
  if (isOurs && info.seed === seed) return true;
  throw new Refusal("input.workspace-exists", `${workspace} is not the workspace that this demo generates.`, {
    dir: workspace,
    seed,
  });
}
