import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

/**
 * Writes a bin into `folder` that carries the real keeper of programs and, in the engine's place, tiny programs:
 * `say TEXT`, `fail CODE`, `hang`, `count FILE` (appends a line), and returns its path. `start STEM` is a server that starts
 * a keeper and another ahead, and stays. Its work `steps` writes `begin`
 * and `end` into a file, and `twice` when another keeper is between the two; it takes some ms, or until `STEM.go` is there, or refuses.
 */
export async function fakeEngine(folder: string): Promise<string> {
  const path = join(folder, "fake-main.mjs");
  const entry = `
    import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
    import { Refusal } from "./server/errors.ts";
    import { identityOf } from "./server/exec/identity.ts";
    import { awaitedStem } from "./server/durable/ahead.ts";
    import { keep, startKeeper } from "./server/durable/keeper.ts";
    import { programWork, wordsBefore } from "./server/durable/program.ts";
    import { awaitedLine, follows } from "./server/exec/awaited-line.ts";
    import { startProgramAhead } from "./server/exec/program.ts";
    let [command, ...rest] = process.argv.slice(2);
    async function steps({ stem, wish }) {
      const say = (line) => appendFileSync(wish.lines, line + "\\n");
      const busy = stem + ".busy";
      if (existsSync(busy) && (await identityOf(Number(readFileSync(busy, "utf8"))))) say("twice");
      writeFileSync(busy, String(process.pid));
      say("begin");
      if (wish.argv[0] === "refuse") throw new Refusal("executor.registry", "no", { host: "registry" });
      const [ms] = wish.argv;
      const isOver = (waited) => (ms === "held" ? existsSync(stem + ".go") : waited >= Number(ms));
      for (let waited = 0; !isOver(waited); waited += 10) await new Promise((done) => setTimeout(done, 10));
      rmSync(busy);
      say("end");
    }
    if (command === "keep") {
      const words = [process.execPath, process.argv[1], "engine"];
      const ahead = rest[1] === follows ? startProgramAhead(words, process.env) : undefined;
      const kinds = { engine: programWork(wordsBefore(...words), { ahead }), steps: { run: steps } };
      const stem = await awaitedStem(rest[1]);
      if (stem !== undefined) await keep(stem, kinds[rest[0]], process.env);
      process.exit(0);
    }
    if (command === "start") {
      await startKeeper({ kind: "engine", stem: rest[0], main: process.argv[1], env: process.env, more: true });
      setInterval(() => {}, 1000);
    }
    if (rest[0] === follows) {
      const line = await awaitedLine();
      if (line === undefined) process.exit(0);
      rest = JSON.parse(line).argv;
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
