// Bundles the one bin. Code splitting keeps every subcommand, executor and the engine out of the server's start path.
import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { mergeChunks } from "./merge-chunks.mjs";
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

/** The JPEG encoder builds 130,000 table entries anew for each image, which takes longer than the image: it is kept. */
const oneEncoder = {
  name: "one-encoder",
  setup(build) {
    build.onLoad({ filter: /jpeg-js\/lib\/encoder\.js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const contents = text.replace(
        "var encoder = new JPEGEncoder(qu)",
        "var encoder = (encode.kept ??= new JPEGEncoder(qu))",
      );
      if (contents === text) throw new Error("jpeg-js makes its encoder in another way now");
      return { contents };
    });
  },
};

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const form = {
  format: "esm",
  platform: "node",
  target: "node20",
  minifySyntax: true,
  minifyWhitespace: true,
  // Beside the program for whoever debugs it here; not shipped, so not referenced either.
  sourcemap: "external",
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
  logLevel: "warning",
};
/**
 * What is loaded together: by every command and by the keeper of a program, by the start of every server, by that of
 * each era, by what is asked first, and by the embedded engine's tasks.
 */
const handshake = ["server/mcp/server.ts", "@modelcontextprotocol/sdk/dist/esm/server/stdio.js"];
const modern = ["server/mcp/modern/connection.ts", "@modelcontextprotocol/server/dist/stdio.mjs"];
const together = [
  { name: "command", of: ["server/main.ts", "server/cli/keep.ts", "server/durable/program.ts"], shared: [] },
  { name: "start", of: ["server/cli/serve.ts"], shared: [handshake[0], modern[0]] },
  { name: "handshake", of: handshake, shared: [] },
  { name: "modern", of: modern, shared: [] },
  { name: "answers", of: ["server/mcp/answers.ts", "server/mcp/resources.ts"], shared: [] },
  { name: "task", of: [], shared: ["engine/entries/train.ts", "engine/entries/inference.ts"] },
];
const whole = {
  outdir: out,
  bundle: true,
  splitting: true,
  plugins: [onlyEnglish, oneValidator, oneEncoder],
  chunkNames: "chunks/[name]-[hash]",
  metafile: true,
  ...form,
};
const bin = await build({ ...whole, entryPoints: { "deft-mcp": "server/main.ts" }, sourcemap: "linked" });
await mergeChunks(bin.metafile.outputs, together, form);
// Reads hostile files in a process of its own, which shares no file with the bin: it would load most of that to start.
const reader = await build({ ...whole, entryPoints: { "data-process": "server/data/process/main.ts" } });
const metafile = {
  inputs: { ...bin.metafile.inputs, ...reader.metafile.inputs },
  outputs: { ...bin.metafile.outputs, ...reader.metafile.outputs },
};
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
