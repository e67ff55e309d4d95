// Makes one file of the chunks that are loaded together: a server's start would otherwise pay for finding and opening
// sixty of them. Who imports a merged chunk finds a file in its place that hands on its names.
import { readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { build } from "esbuild";

/**
 * Merges chunks of a build with `splitting` and `sourcemap: "linked"`; the maps stay, and nothing refers to them any more.
 *
 * @param outputs of its metafile
 * @param groups `{ name, of, shared }`: `chunks/<name>.js` is made of what the source files of `of` import, and of what all
 *   those of `shared` do, but for what an earlier group has
 * @param form options that say what a built file looks like
 */
export async function mergeChunks(outputs, groups, form) {
  const taken = new Set();
  const places = new Map();
  for (const { name, of, shared } of groups) {
    const needed = shared.map((entry) => closureOf(outputs, entry));
    const common = [...(needed[0] ?? [])].filter((path) => needed.every((each) => each.has(path)));
    for (const path of [...of.flatMap((entry) => [...closureOf(outputs, entry)]), ...common]) {
      if (taken.has(path) || !path.includes("/chunks/")) continue;
      taken.add(path);
      places.set(path, join(dirname(path), `${name}.js`));
    }
  }
  const merging = { outputs, places, form };
  const merged = await Promise.all([...new Set(places.values())].map((file) => mergedFile(merging, file)));
  // The program itself, which would else go through every file that hands on.
  const main = outputOf(outputs, groups[0].of[0]);
  merged.push(await bundled(merging, main, { entryPoints: [main] }));
  for (const path of Object.keys(outputs).filter((path) => path.endsWith(".js"))) await withoutMap(path);
  for (const { path, text } of merged.flatMap(({ outputFiles }) => outputFiles)) await writeFile(path, text);
  for (const path of places.keys()) {
    await writeFile(path, handOn(merging, path, dirname(path)));
    await rm(`${path}.map`);
  }
}

/** The built file that begins at a source file; packages may lie anywhere. */
function outputOf(outputs, entry) {
  const found = Object.keys(outputs).find((path) => outputs[path].entryPoint?.endsWith(entry));
  if (found === undefined) throw new Error(`no built file begins at ${entry}`);
  return found;
}

/** The built file that begins at a source file, and all that is loaded with it. */
function closureOf(outputs, entry) {
  const seen = new Set();
  const visit = (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { path: next, kind } of outputs[path].imports) {
      if (kind === "import-statement" && next in outputs) visit(next);
    }
  };
  visit(outputOf(outputs, entry));
  return seen;
}

/** What a name of a chunk is called in the file that the chunk went into. */
const newName = (path, name) => `${basename(path, ".js").replaceAll(/\W/g, "_")}_${name}`;

/** Text that hands on the names of a merged chunk, for a file of the folder `from`. */
function handOn({ outputs, places }, path, from) {
  const names = outputs[path].exports.map((name) => `${newName(path, name)} as ${name}`);
  return `export{${names}}from"./${relative(from, places.get(path))}";\n`;
}

function mergedFile(merging, file) {
  const members = [...merging.places.keys()].filter((path) => merging.places.get(path) === file);
  const lines = members.map((path) => {
    const names = merging.outputs[path].exports.map((name) => `${name} as ${newName(path, name)}`);
    return `import"./${basename(path)}";export{${names}}from"./${basename(path)}";`;
  });
  const stdin = { contents: lines.join("\n"), resolveDir: dirname(file), sourcefile: basename(file) };
  return bundled(merging, file, { stdin });
}

/** The text of `file`; names of chunks that went into another are taken from there. */
function bundled(merging, file, from) {
  const { places, form } = merging;
  const members = {
    name: "members",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) => {
        const found = relative("", resolve(resolveDir, path));
        const isInside = kind === "entry-point" || (kind === "import-statement" && places.has(found));
        return isInside ? { path: resolve(found) } : { path, external: true };
      });
      onLoad({ filter: /\.js$/ }, async ({ path }) => {
        const found = relative("", path);
        if (places.has(found) && places.get(found) !== file) return { contents: handOn(merging, found, dirname(file)) };
        // One banner is enough; its line stays, since the map counts it.
        return { contents: (await readFile(path, "utf8")).replace(form.banner.js, "") };
      });
    },
  };
  return build({ ...form, ...from, outfile: file, bundle: true, write: false, plugins: [members] });
}

async function withoutMap(path) {
  await writeFile(path, (await readFile(path, "utf8")).replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"));
}
