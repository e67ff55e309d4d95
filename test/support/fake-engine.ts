import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

/**
 * Writes a bin into `folder` that carries the real keeper of programs, started ahead or not, and, in the engine's place,
 * tiny programs: `say TEXT`, `fail CODE`, `hang`, `crash`, `wait FILE` (until it is there), `count FILE` (appends a line), and
 * returns its path. `start STEM` starts such a keeper and hangs. Its work `steps` writes `begin` and `end` into a file, and `twice` when another keeper is
 * between the two; it takes some ms, or until `STEM.go` is there, or refuses.
 */
export async function fakeEngine(folder: string): Promise<string> {
  const path = join(folder, "fake-main.mjs");
  const entry = `
    import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
    import { Refusal } from "./server/errors.ts";
    import { identityOf } from "./server/exec/identity.ts";
    import { becomeJob, startAhead } from "./server/exec/ahead.ts";
    import { toldStem } from "./server/durable/ahead.ts";
    import { keep, startKeeper } from "./server/durable/keeper.ts";
    import { programWork, wordsBefore } from "./server/durable/program.ts";
    const [command, ...rest] = process.argv.slice(2);
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
      const [kind, named] = rest;
      const words = [process.execPath, process.argv[1], "engine"];
      const ahead = named === undefined ? { start: startAhead(words, process.env) } : {};
      const kinds = { engine: programWork(wordsBefore(...words), ahead), steps: { run: steps } };
      const stem = named ?? (await toldStem());
      if (stem !== undefined) await keep(stem, kinds[kind], process.env);
      process.exit(0);
    }
    if (command === "start") {
      await startKeeper({ kind: "engine", stem: rest[0], main: process.argv[1], env: process.env, ahead: true });
      setInterval(() => {}, 1000);
    }
    const late = rest[0] === "-" ? await becomeJob() : { argv: rest, log: process.stdout };
    const [program, argument] = late?.argv ?? [];
    if (program === "say") late.log.write(argument + "\\n");
    if (program === "crash") throw new Error("crashed in " + process.cwd() + " with " + process.env.GREETING);
    if (program === "count") appendFileSync(argument, "started\\n");
    if (program === "wait") while (!existsSync(argument)) await new Promise((done) => setTimeout(done, 10));
    if (program === "fail") process.exit(Number(argument));
    if (program === "hang") {
      late.log.write("hangs\\n");
      setInterval(() => {}, 1000);
    }
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
