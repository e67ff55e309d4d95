import {
  appendFile,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { boardsIn, completeRequest, csvOf, depsIn, image, put } from "./support/boards.ts";

const folder = temporaryFolders();
const poolImage = (root: string, name = "pool_c0", kind = "test") =>
  join(root, "augmentation/mining_pool/images/pool", kind, `${name}_SolderLight.jpg`);
const poolCsv = (root: string) => join(root, "augmentation/mining_pool/mining_pool.csv");
/** Of one length, whatever it shows. */
const padded = (shown: string) => Buffer.concat([image(shown), Buffer.alloc(4096)]).subarray(0, 4096);

/** What a plan says of a workspace, and what kinds of work on its images that took. */
async function planned(root: string) {
  const kinds = new Set<string>();
  const progress = (message: string) => {
    const [, kind] = /: \d+ of \d+ ([a-z ]+)/.exec(message) ?? [];
    if (kind !== undefined) kinds.add(kind.trim());
  };
  const { checks, warnings } = await resolvePlan(completeRequest, depsIn(root), { progress });
  return { kinds: [...kinds], checks, warnings };
}

/** Waits until the times of what was written tell it from what is written now. */
const settled = () => setTimeout(120);

/** A workspace that was planned once. */
async function plannedBefore() {
  const root = await boardsIn(await folder());
  await writeFile(poolImage(root), padded("pool_c0 test"));
  await settled();
  return { root, first: await planned(root) };
}

type Change = [what: string, change: (root: string) => Promise<unknown>, finding: string, looked?: boolean];

const changes: readonly Change[] = [
  ["an image is touched", (root) => utimes(poolImage(root), new Date(), new Date()), "no shared row"],
  [
    "an image is replaced by another of the same length and time",
    async (root) => {
      const { atime, mtime } = await stat(poolImage(root));
      await writeFile(poolImage(root), padded("kpi_c0 test"));
      await utimes(poolImage(root), atime, mtime);
    },
    "1 rows of",
  ],
  ["an image is removed", (root) => rm(poolImage(root)), "do not resolve to exactly one image", false],
  [
    "an image is added with its row",
    async (root) => {
      const row = { board: "pool", label: "PASS", name: "late" };
      for (const kind of ["test", "golden"]) await put(poolImage(root, "late", kind), image(`late ${kind}`));
      await appendFile(poolCsv(root), csvOf([row], "images/").split("\n")[1] ?? "");
    },
    "5 rows (",
  ],
  [
    "a table is edited to show a row of another",
    async (root) => {
      const shared = { board: "images/kpi", label: "bridge", name: "kpi_c2" };
      await writeFile(poolCsv(root), csvOf([shared]));
    },
    "1 rows of",
    false,
  ],
];

describe("planning with a workspace again", () => {
  it("takes a stat of each file, and asks nothing else of images that nobody touched", async () => {
    const { root, first } = await plannedBefore();
    expect(first.kinds).toEqual(expect.arrayContaining(["images sketched", "images fingerprinted", "files hashed"]));
    const again = await planned(root);
    expect(again).toEqual({ ...first, kinds: ["images found"] });
  });

  it.each(changes)("asks again where %s", async (_, change, finding, looked = true) => {
    const { root } = await plannedBefore();
    await change(root);
    await settled();
    const { kinds, checks } = await planned(root);
    expect(checks.map(({ detail }) => detail).join("\n")).toContain(finding);
    expect(kinds.includes("images looked at")).toBe(looked);
  });

  it.each([
    ["in the data set", false],
    ["behind a linked folder", true],
  ])("looks again at a mask of the generator that was overwritten %s", async (_, linked) => {
    const root = await boardsIn(await folder());
    const masks = join(root, "augmentation/anomalygen/datasets/boards/pcb/mask");
    if (linked) {
      await rename(masks, join(root, "masks"));
      await symlink(join(root, "masks"), masks);
    }
    await settled();
    const spelled = async () => (await planned(root)).checks.find(({ id }) => id === "generator_assets")?.detail;
    expect(await spelled()).toContain("boards: ");
    const mask = join(masks, "bridge/m.png");
    const { atime, mtime, size } = await stat(mask);
    await writeFile(mask, Buffer.alloc(size));
    await utimes(mask, atime, mtime);
    await settled();
    expect(await spelled()).toBe("Anomaly masks cannot be decoded.");
  });

  it.each<[string, (kept: string, bytes: Buffer) => Promise<void>]>([
    [
      "altered",
      (kept, bytes) =>
        writeFile(
          kept,
          bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte)),
        ),
    ],
    ["cut in its first piece", (kept) => truncate(kept, 100)],
    ["empty", (kept) => writeFile(kept, "")],
  ])("takes no answer from a kept file that was %s", async (_, spoil) => {
    const { root, first } = await plannedBefore();
    const directory = join(root, ".cache/deft-mcp/images");
    const kept = (await readdir(directory)).map((name) => join(directory, name));
    expect(kept).toHaveLength(2);
    for (const path of kept) await spoil(path, await readFile(path));
    const again = await planned(root);
    expect(again.kinds).toContain("images looked at");
    expect({ ...again, kinds: first.kinds }).toEqual(first);
  });
});
