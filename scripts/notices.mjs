// Licence texts of the packages whose code a bundle holds: most licences ask that their text travels along.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Name of the package folder below the last node_modules of a path; undefined for our own files. */
export function packageFolder(input) {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
}

async function licenceOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  if (texts.length === 0 && typeof license !== "string") throw new Error(`${name} ${version} states no licence.`);
  return [`${name} ${version} (${license ?? "see below"})`, ...texts.map((text) => text.trim())].join("\n\n");
}

/** One text for all packages among the inputs of esbuild's metafile. @throws Error for one without a licence. */
export async function noticesOf(metafile) {
  const folders = new Set(Object.keys(metafile.inputs).map(packageFolder));
  folders.delete(undefined);
  const notices = await Promise.all([...folders].sort().map(licenceOf));
  return `${notices.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}
