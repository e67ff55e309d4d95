import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

/**
 * Writes a bin into `folder` that carries the real keeper of programs and, in the engine's place, tiny programs:
 * `say TEXT`, `fail CODE`, `hang`, `count FILE` (appends a line), and returns its path.
 */
export async function fakeEngine(folder: string): Promise<string> {
  const path = join(folder, "fake-main.mjs");
  const entry = `
    import { appendFileSync } from "node:fs";
    import { keep } from "./server/durable/keeper.ts";
    import { programWork } from "./server/durable/program.ts";
    const [command, ...rest] = process.argv.slice(2);
    if (command === "keep") {
      await keep(rest[1], programWork([process.execPath, process.argv[1], "engine"]), process.env);
      process.exit(0);
    }
    const [program, argument] = rest;
    if (program === "say") console.log(argument);
    if (program === "count") appendFileSync(argument, "started\\n");
    if (program === "fail") process.exit(Number(argument));
    if (program === "hang") setInterval(() => {}, 1000);
  `;
  const bundle = await build({
    stdin: { contents: entry, resolveDir: process.cwd(), loader: "ts" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
  });
  await writeFile(path, bundle.outputFiles[0]?.contents ?? "");
  return path;
}
