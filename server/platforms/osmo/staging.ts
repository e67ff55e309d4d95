import { dirname, join } from "node:path";
import { z } from "zod";
import { Refusal } from "../../errors.ts";
import type { OsmoClient } from "../../exec/osmo/client.ts";
import { makeDirectory, writeAtomic } from "../../fs/atomic.ts";
import { realPathOf } from "../../fs/contained.ts";
import { withScratchFolder } from "../../fs/folder.ts";
import { canonicalJson, sha256 } from "../../fs/hash.ts";
import { readAsIfPresent } from "../../fs/json.ts";
import { placeFile } from "../../fs/link.ts";
import { runPaths } from "../../run/paths.ts";
import type { JobInputs } from "./inputs.ts";

const treesSchema = z.array(z.record(z.string(), z.string()));
type Tree = Readonly<Record<string, string>>;

/**
 * Brings the inputs of a job to the storage and returns their prefixes, in the order in which the task mounts them.
 *
 * A tree of files lies under the hash of its paths and contents, so the same tree is uploaded once. An iteration adds
 * rows to what was there: trees of earlier jobs that are wholly needed are mounted again, and only the rest is new.
 */
export async function stageInputs(
  client: OsmoClient,
  root: string,
  runDir: string,
  inputs: JobInputs,
): Promise<string[]> {
  const known = await knownTrees(runDir);
  const trees = [...covering(inputs.lasting, known), inputs.own].filter((tree) => Object.keys(tree).length > 0);
  const urls: string[] = [];
  for (const tree of trees) urls.push(await stageTree(client, root, runDir, tree, inputs.roots));
  await writeAtomic(knownPath(runDir), `${JSON.stringify(merged(known, trees))}\n`);
  return urls;
}

/** Earlier trees of which every file is needed unchanged, then what none of them holds. */
function covering(needed: Tree, known: readonly Tree[]): Tree[] {
  const chosen: Tree[] = [];
  let left = Object.entries(needed);
  for (const tree of known) {
    const serves = Object.entries(tree).every(([path, hash]) => needed[path] === hash);
    const fresh = left.filter(([path]) => !(path in tree));
    if (!serves || fresh.length === left.length) continue;
    chosen.push(tree);
    left = fresh;
  }
  return [...chosen, Object.fromEntries(left)];
}

function merged(known: readonly Tree[], used: readonly Tree[]): Tree[] {
  return [...new Map([...known, ...used].map((tree) => [hashOf(tree), tree])).values()];
}

function hashOf(tree: Tree): string {
  return sha256(canonicalJson(tree));
}

function knownPath(runDir: string): string {
  return join(runPaths(runDir).jobs, "osmo.trees");
}

async function knownTrees(runDir: string): Promise<Tree[]> {
  return (await readAsIfPresent(knownPath(runDir), treesSchema)) ?? [];
}

async function stageTree(
  client: OsmoClient,
  root: string,
  runDir: string,
  tree: Tree,
  roots: readonly string[],
): Promise<string> {
  const url = `${root}/deft/inputs/${hashOf(tree)}`;
  if ((await absentFrom(client, url, tree)).length === 0) return url;
  await withScratchFolder(join(runPaths(runDir).jobs, "osmo-upload"), async (scratch) => {
    for (const path of Object.keys(tree)) {
      const [index = "", ...below] = path.split("/");
      await makeDirectory(dirname(join(scratch, path)));
      await placeFile(await realPathOf(join(roots[Number(index)] ?? "", ...below)), join(scratch, path));
    }
    await client.upload(url, join(scratch, "*"));
  });
  const absent = await absentFrom(client, url, tree);
  if (absent.length === 0) return url;
  throw new Refusal("osmo.storage", "The upload left files out.", { url, absent: absent.slice(0, 5) });
}

/** Files of the tree that the storage does not list below the prefix. */
async function absentFrom(client: OsmoClient, url: string, tree: Tree): Promise<string[]> {
  const start = `${url.replace(/^\w+:\/\/[^/]+\//, "")}/`;
  const keys = new Set((await client.listData(url, true)).map((key) => key.slice(start.length)));
  return Object.keys(tree).filter((path) => !keys.has(path));
}
