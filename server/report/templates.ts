import { fileURLToPath } from "node:url";
import { kindOf, listNames, readText } from "../fs/read.ts";

/** The texts that the page is made of, by file name. */
export type Templates = Readonly<Record<string, string>>;

/** Reads the templates: they lie beside this file, and in the bundle beside or above the chunk that holds it. */
export async function readTemplates(): Promise<Templates> {
  const folder = await templateFolder();
  const names = await listNames(folder);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readText(`${folder}/${name}`)] as const)),
  );
}

async function templateFolder(): Promise<string> {
  for (const place of ["./templates", "../templates"]) {
    const folder = fileURLToPath(new URL(place, import.meta.url));
    if ((await kindOf(folder)) === "directory") return folder;
  }
  throw new Error("the report templates are not beside the program");
}
