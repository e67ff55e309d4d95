// Runs one measurement: node bench/run.mjs NAME [ARGS]. It prints figures and asserts nothing.
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const names = [
  ...["kpi", "validate", "report", "server", "long-runs", "context", "tokens", "learning", "content", "trace"],
  ...["twins", "nearest", "pool", "pool-loop", "kpi-loop", "tables", "merge", "workspace"],
];
// A measurement reads its own arguments where it would find them if it were started by itself.
const [name] = process.argv.splice(2, 1);
if (!names.includes(name)) throw new Error(`usage: node bench/run.mjs ${names.join("|")} [ARGS]`);
const out = await mkdtemp(join(tmpdir(), "deft-bench-"));
const banner =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";
const commands = ["kpi", "gaps", "validate"].map((command) => [`${command}-command`, `server/cli/${command}.ts`]);
try {
  await build({
    entryPoints: {
      ...Object.fromEntries(commands),
      bench: `bench/${name}.ts`,
      "data-process": "server/data/process/main.ts",
    },
    outdir: out,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    outExtension: { ".js": ".mjs" },
    banner: { js: banner },
    logLevel: "warning",
  });
  // The second process of the data layer is looked for in the package.
  await writeFile(join(out, "package.json"), JSON.stringify({ name: "deft-mcp", type: "module" }));
  await mkdir(join(out, "dist"));
  await writeFile(join(out, "dist", "data-process.js"), 'import "../data-process.mjs";');
  await cp("server/report/templates", join(out, "templates"), { recursive: true });
  const { measure } = await import(pathToFileURL(join(out, "bench.mjs")).href);
  await measure?.(resolve(out));
} finally {
  await rm(out, { recursive: true, force: true });
}
