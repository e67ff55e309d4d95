import { dirname, join } from "node:path";
import { filesBelow } from "../fs/folder.ts";
import { sha256 } from "../fs/hash.ts";
import { sha256OfFileSync } from "../fs/head.ts";
import { isSettled, stampOf, toldBy } from "../fs/stamp.ts";

/**
 * Names the program that a bin is, by its content: `sha256:` of names and digests of every program file of its folder,
 * and the version of Node that runs it. It says what lies there now; a process that runs may be of before.
 *
 * @throws Refusal `input.unreadable-file`.
 */
export async function installationDigest(main: string): Promise<string> {
  const folder = dirname(main);
  const names = (await filesBelow(folder)).filter((name) => /\.(?:js|mjs|cjs|ts|node|wasm)$/.test(name));
  const paths = names.map((name) => join(folder, name));
  const stamps = paths.map((path) => stampOf(path));
  const looked = paths.map((path, at) => `${path} ${stamps[at]}\n`).join("");
  if (known?.looked === looked) return known.digest;
  // Of hundreds of small files each step that is waited for costs more than the file.
  const lines = names.map((name, at) => `${name} ${sha256OfFileSync(paths[at] as string)}\n`);
  const digest = `sha256:${sha256(lines.join(""))} on node ${process.version}`;
  known = stamps.every((stamp) => isSettled(toldBy(stamp).changed_ms)) ? { looked, digest } : undefined;
  return digest;
}

/** Each job asks, and nearly always nobody touched a file since the last did. */
let known: { readonly looked: string; readonly digest: string } | undefined;
