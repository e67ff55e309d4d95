import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import { Refusal } from "../errors.ts";
import { filesBelow, withScratchFolder } from "../fs/folder.ts";
import { sha256OfFile } from "../fs/hash.ts";
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

/**
 * Whether a workspace holds the very boards that this program draws for its seed and size: they are drawn again and
 * compared, since a note of where files come from can be written into any folder.
 */
export async function isAsDrawn(workspace: string): Promise<boolean> {
  const info = infoSchema.safeParse(await readJson(join(workspace, "build_info.json")).catch(() => undefined));
  if (!info.success) return false;
  return await withScratchFolder(join(tmpdir(), "deft-drawn"), async (scratch) => {
    const again = join(scratch, "boards");
    await generateWorkspace(again, info.data);
    for (const name of await filesBelow(again)) {
      const found = join(workspace, name);
      if ((await kindOf(found)) !== "file") return false;
      if ((await sha256OfFile(found)) !== (await sha256OfFile(join(again, name)))) return false;
    }
    return true;
  });
}

const infoSchema = z.object({ seed: z.number().int().min(0), size: z.enum(["tiny", "standard"]) });
