// Makes of the built files what other programs install, in packages/: the folder of the plugin, which holds what the npm
// package holds, and the .mcpb bundle, which is the same with a manifest of its own.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { zipSync } from "fflate";

const out = "packages";
const plugin = join(out, "plugin");
const own = JSON.parse(readFileSync("package.json", "utf8"));

/** Paths that `npm pack` takes: one list for the npm package, the plugin and the bundle. */
function packedFiles() {
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const [{ files }] = JSON.parse(execFileSync("npm", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  return files.map(({ path }) => path);
}

/** The tools as the built server lists them. */
function listedTools() {
  const said = execFileSync(process.execPath, ["dist/deft-mcp.js", "call", "--json"], { encoding: "utf8" });
  return JSON.parse(said).tools.map(({ name, description }) => ({ name, description }));
}

function bundleManifest() {
  const { name, version, description, license, author, homepage, repository } = own;
  return {
    manifest_version: "0.3",
    name,
    display_name: "DEFT AOI loop",
    version,
    description,
    author,
    license,
    homepage,
    repository,
    icon: "assets/icon.png",
    keywords: own.keywords,
    server: {
      type: "node",
      entry_point: "dist/deft-mcp.js",
      mcp_config: {
        command: "node",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the client fills these in
        args: ["${__dirname}/dist/deft-mcp.js", "serve"],
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the client fills these in
        env: { DEFT_WORKSPACE: "${user_config.workspace}" },
      },
    },
    tools: listedTools(),
    user_config: {
      workspace: {
        type: "directory",
        title: "Workspace",
        description: "Folder of your boards: specs, CSVs and images, as `deft-mcp init` or `import` makes it",
        required: true,
      },
    },
    compatibility: { platforms: ["linux"], runtimes: { node: own.engines.node } },
  };
}

rmSync(out, { recursive: true, force: true });
const files = packedFiles();
for (const file of files) {
  mkdirSync(dirname(join(plugin, file)), { recursive: true });
  cpSync(file, join(plugin, file));
}
const program = { os: 3, attrs: 0o755 << 16 };
const entries = Object.fromEntries(
  files.map((file) => [file, file === own.bin[own.name] ? [readFileSync(file), program] : readFileSync(file)]),
);
entries["manifest.json"] = Buffer.from(JSON.stringify(bundleManifest(), null, 2));
writeFileSync(join(out, `${own.name}.mcpb`), zipSync(entries, { level: 9 }));
