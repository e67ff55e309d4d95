// Builds small local images that hold the embedded engine under the vendors' entry-point names, without any registry:
// this host's node and bash with the libraries that they load, and dist/, imported as a root file system.
//
//   node scripts/contract-images/build.mjs [PREFIX]      prints the variables that name the images
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const house = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const { version } = JSON.parse(readFileSync(join(house, "package.json"), "utf8"));

/** Entry points of the three images; the programs of the engine have the same names. */
const programs = ["visual_changenet", "gap_analysis", "embedding", "tmm"];
const scripts = ["prep_testcase.sh", "run_sdg.sh"];
const scriptsDir = "/opt/anomalygen/scripts";
const tools = ["bash", "chown", "sleep", "cat", "dd", "head"];

/**
 * Imports the image under three names and returns the variables that choose them. `env` names the daemon.
 */
export function buildContractImages({ prefix = "deft-contract", env = process.env } = {}) {
  const root = mkdtempSync(join(tmpdir(), "deft-contract-"));
  try {
    fill(root);
    const names = { TAO_PYT_IMAGE: "tao-pyt", TAO_DS_IMAGE: "tao-data-services", AG_IMAGE: "anomalygen" };
    const images = Object.fromEntries(
      Object.entries(names).map(([variable, name]) => [variable, `${prefix}/${name}:${version}`]),
    );
    const [first, ...others] = Object.values(images);
    importTree(root, first, env);
    for (const name of others) execFileSync("docker", ["tag", first, name], { env });
    return images;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function fill(root) {
  const place = (path) => join(root, path);
  for (const dir of [
    "bin",
    "usr/bin",
    "etc",
    "tmp",
    "opt/deft",
    scriptsDir,
    "workspace/paidf-anomalygen/checkpoints",
  ]) {
    mkdirSync(place(dir), { recursive: true });
  }
  chmodSync(place("tmp"), 0o1777);
  for (const program of [process.execPath, ...tools.map((tool) => which(tool))]) copyProgram(root, program);
  for (const shell of ["bash", "sh"]) symlinkSync("../usr/bin/bash", place(`bin/${shell}`));
  writeFileSync(place("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n");
  writeFileSync(place("etc/group"), "root:x:0:\n");
  cpSync(join(house, "dist"), place("opt/deft/dist"), { recursive: true });
  writeFileSync(place("opt/deft/package.json"), JSON.stringify({ name: "deft-mcp", type: "module", version }));
  for (const name of programs) writeEntry(place(`usr/bin/${name}`), name);
  for (const name of scripts) writeEntry(place(join(scriptsDir, name)), name);
  writeFileSync(place(join(scriptsDir, "download_checkpoints.sh")), download, { mode: 0o755 });
}

/** Stands for the generator's own downloads: leaves a file where the real one leaves its base models. */
const download = `#!/bin/bash
echo "base models $*"
echo contract > /workspace/paidf-anomalygen/checkpoints/base_model.txt
`;

function which(tool) {
  return execFileSync("sh", ["-c", 'command -v -- "$1"', "sh", tool], { encoding: "utf8" }).trim();
}

/** A program under its own name in /usr/bin, its libraries where its loader looks for them. */
function copyProgram(root, program) {
  const real = realpathSync(program);
  cpSync(real, join(root, "usr/bin", basename(program)));
  const { stdout } = spawnSync("ldd", [real], { encoding: "utf8" });
  for (const library of stdout.match(/\/\S+/g) ?? []) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    cpSync(realpathSync(library), join(root, library));
  }
}

function writeEntry(path, program) {
  writeFileSync(path, `#!/bin/bash\nexec node /opt/deft/dist/deft-mcp.js engine ${program} "$@"\n`);
  chmodSync(path, 0o755);
}

function importTree(root, name, env) {
  const changes = [
    "ENV PATH=/usr/bin:/bin",
    `ENV ANOMALYGEN_SCRIPTS=${scriptsDir}`,
    `LABEL deft-mcp.engine="deft-mcp embedded engine ${version} (contract images)"`,
  ];
  const tree = spawnSync("tar", ["--owner=0", "--group=0", "-C", root, "-c", "."], { maxBuffer: 1 << 30 });
  if (tree.status !== 0) throw new Error(`tar failed: ${tree.stderr}`);
  const args = ["import", ...changes.flatMap((change) => ["--change", change]), "-", name];
  const done = spawnSync("docker", args, { input: tree.stdout, env, maxBuffer: 1 << 20 });
  if (done.status !== 0) throw new Error(`docker import failed: ${done.stderr}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const images = buildContractImages(process.argv[2] === undefined ? {} : { prefix: process.argv[2] });
  for (const [variable, image] of Object.entries(images)) console.log(`${variable}=${image}`);
}
