// A bill of materials in CycloneDX form of the packages whose code a bundle holds; a consumer's audit sees no dependency.
import { readFile } from "node:fs/promises";
import { packageFolder } from "./notices.mjs";

/** Hex digest of a lock file's `sha512-<base64>`. */
function hashesOf(integrity) {
  const [, base64] = /^sha512-(\S+)/.exec(integrity ?? "") ?? [];
  return base64 === undefined ? [] : [{ alg: "SHA-512", content: Buffer.from(base64, "base64").toString("hex") }];
}

function licencesOf(license) {
  if (typeof license !== "string") return [];
  return [/ (OR|AND|WITH) /.test(license) ? { expression: license } : { license: { id: license } }];
}

function purlOf(name, version) {
  return `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
}

/** One package of the bundle, as its own package.json and the lock file have it. */
async function componentOf(folder, locked) {
  const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
  const purl = purlOf(name, version);
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    purl,
    licenses: licencesOf(license),
    hashes: hashesOf(locked[folder]?.integrity),
  };
}

/** CycloneDX 1.6 JSON of all packages among the inputs of esbuild's metafile; equal inputs give equal bytes. */
export async function sbomOf(metafile) {
  const own = JSON.parse(await readFile("package.json", "utf8"));
  const { packages } = JSON.parse(await readFile("package-lock.json", "utf8"));
  const folders = new Set(Object.keys(metafile.inputs).map(packageFolder));
  folders.delete(undefined);
  const components = await Promise.all([...folders].sort().map((folder) => componentOf(folder, packages)));
  const root = purlOf(own.name, own.version);
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": root,
        name: own.name,
        version: own.version,
        purl: root,
        licenses: licencesOf(own.license),
      },
    },
    components,
    dependencies: [
      { ref: root, dependsOn: components.map((component) => component["bom-ref"]) },
      ...components.map((component) => ({ ref: component["bom-ref"] })),
    ],
  };
}
