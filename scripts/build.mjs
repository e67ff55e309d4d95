// Bundles the one bin. Code splitting keeps every subcommand, executor and the engine out of the server's start path.
import { chmod, cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { noticesOf } from "./notices.mjs";
import { sbomOf } from "./sbom.mjs";

const out = "dist";

/** zod carries every language of its messages in one namespace; we speak English, and start-up pays for each byte. */
const onlyEnglish = {
  name: "only-english",
  setup(build) {
    build.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    }));
  },
};

/** Ours holds values against schemas (server/mcp/schema-validator.ts); the SDKs' own would be loaded and never used. */
const oneValidator = {
  name: "one-validator",
  setup(build) {
    build.onLoad({ filter: /@modelcontextprotocol\/.*(?:ajv-provider\.js|ajvProvider-\w+\.mjs)$/ }, ({ path }) => ({
      contents: `class Unused { constructor() { throw new Error("no schema validator was given"); } }
export { Unused as ${path.endsWith(".mjs") ? "n, Unused as t" : "AjvJsonSchemaValidator"} };`,
    }));
  },
};

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const { metafile } = await build({
  // The second entry reads hostile files in a process of its own.
  entryPoints: { "deft-mcp": "server/main.ts", "data-process": "server/data/process/main.ts" },
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  minifySyntax: true,
  minifyWhitespace: true,
  plugins: [onlyEnglish, oneValidator],
  // Beside the program for whoever debugs it here; not shipped, so not referenced either.
  sourcemap: "external",
  chunkNames: "chunks/[name]-[hash]",
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
  logLevel: "warning",
  metafile: true,
});
await writeFile(`${out}/THIRD-PARTY-NOTICES.txt`, await noticesOf(metafile));
await writeFile(`${out}/sbom.cdx.json`, `${JSON.stringify(await sbomOf(metafile), null, 1)}\n`);
await chmod(`${out}/deft-mcp.js`, 0o755);

for (const [from, to] of [
  ["server/report/templates", "templates"],
  ["server/osmo/flows", "flows"],
  ["server/platforms/docker/versions.yaml", "versions.yaml"],
]) {
  await cp(from, `${out}/${to}`, { recursive: true });
}

// What is read at run time and is no code; the server looks for all of it when it starts.
const shipped = [];
for (const folder of [`${out}/templates`, `${out}/flows`, "references", "skills", "agents"]) {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) shipped.push(join(entry.parentPath, entry.name));
  }
}
await writeFile(`${out}/shipped.json`, JSON.stringify([...shipped, `${out}/versions.yaml`].sort()));
