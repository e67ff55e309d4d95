import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { openClient } from "../../../../server/exec/osmo/client.ts";
import { sha256 } from "../../../../server/fs/hash.ts";
import { bringBack } from "../../../../server/platforms/osmo/outputs.ts";
import type { JobSpec } from "../../../../server/run/job.ts";
import { osmoDesks } from "../../../support/osmo-desk.ts";
import { refusalOf } from "../../../support/refusal.ts";

const open = osmoDesks();
const sent = Date.parse("2026-01-02T10:00:00Z");

type File = { text: string; secondsAfterStart: number; path: string };
const files: File[] = [
  { path: "train/model.pth", text: "weights", secondsAfterStart: 60 },
  { path: "train/experiment.yaml", text: "csv: /pod/data/0/train.csv\nat: /pod/out/train\n", secondsAfterStart: 1 },
];

/** An output in the storage with its manifest, and a job folder that holds something of before. */
async function output(listed: readonly File[] = files, head: Partial<{ stamp: string; code: string }> = {}) {
  const desk = await open();
  const folder = join(desk.home, "store", "lab", "dig", "out");
  const lines = [`deft\t1\t${head.stamp ?? "s1"}\t${head.code ?? "0"}\t5000.5\t/pod/data\t/pod/out\t/pod/files`];
  await mkdir(folder, { recursive: true });
  for (const { path, text, secondsAfterStart } of listed) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
    lines.push(`${sha256(text)}\t${text.length}\t${5000.5 + secondsAfterStart}\t${path}`);
  }
  await writeFile(join(folder, "deft-manifest.tsv"), `${lines.join("\n")}\n`);
  const workdir = join(desk.home, "run", "baseline", "train");
  await mkdir(workdir, { recursive: true });
  await writeFile(join(workdir, "before.txt"), "before");
  const job = { workdir, log_path: join(workdir, "train.log") } as JobSpec;
  const expected = {
    ...{ job, url: "s3://lab/dig/out", stamp: "s1", sent_at_ms: sent },
    ...{ roots: ["/boards"], spec_path: "/boards/spec.yaml" },
  };
  return { folder, workdir, bring: () => bringBack(openClient({ env: desk.env }), expected) };
}

describe("bringing outputs back", () => {
  it("takes the folder's place with this host's paths and the age of every file in the pod", async () => {
    const { workdir, bring } = await output();
    expect(await bring()).toBe(0);
    expect((await readdir(workdir)).sort()).toEqual(["experiment.yaml", "model.pth"]);
    expect(await readFile(join(workdir, "experiment.yaml"), "utf8")).toBe(`csv: /boards/train.csv\nat: ${workdir}\n`);
    expect((await stat(join(workdir, "model.pth"))).mtimeMs).toBe(sent + 60_000);
  });

  it("keeps a file older than the job that was older than the program in the pod", async () => {
    const { workdir, bring } = await output([{ path: "train/old.pth", text: "x", secondsAfterStart: -7200 }]);
    await bring();
    expect((await stat(join(workdir, "old.pth"))).mtimeMs).toBe(sent - 7_200_000);
  });

  it("leaves out what the manifest does not list", async () => {
    const { folder, workdir, bring } = await output();
    await writeFile(join(folder, "train", "stray.pth"), "x");
    await bring();
    expect(await readdir(workdir)).not.toContain("stray.pth");
  });

  const spoilings: [string, (folder: string) => Promise<unknown>, string][] = [
    ["a hole", (folder) => rm(join(folder, "train/model.pth")), "has a hole"],
    ["a cut file", (folder) => writeFile(join(folder, "train/model.pth"), "weigh"), "changed or cut"],
    ["other bytes of one size", (folder) => writeFile(join(folder, "train/model.pth"), "weighty"), "changed or cut"],
    ["no manifest", (folder) => rm(join(folder, "deft-manifest.tsv")), "holds no manifest"],
    [
      "a manifest that is cut in its head",
      (folder) => writeFile(join(folder, "deft-manifest.tsv"), "deft\t1"),
      "no manifest",
    ],
    ["nothing at all", (folder) => rm(folder, { recursive: true }), "Not everything was transferred"],
  ];
  it.each(spoilings)("refuses %s and leaves the folder as it was", async (_what, spoil, why) => {
    const { folder, workdir, bring } = await output();
    await spoil(folder);
    const refusal = await refusalOf(bring);
    expect([refusal.code, refusal.message]).toEqual(["osmo.download", expect.stringContaining(why)]);
    expect(await readdir(workdir)).toEqual(["before.txt"]);
    expect(await readdir(dirname(workdir))).toEqual(["train"]);
  });

  it("refuses the output of another submit, and one that names files elsewhere", async () => {
    expect((await refusalOf((await output(files, { stamp: "s0" })).bring)).message).toContain("another submit");
    for (const path of ["train/../../deft_state.json", "other/x"]) {
      const { bring } = await output([{ path, text: "x", secondsAfterStart: 1 }]);
      expect((await refusalOf(bring)).message).toContain("outside the job's folder");
    }
  });

  it("refuses an output without files", async () => {
    expect((await refusalOf((await output([])).bring)).message).toContain("wrote nothing");
  });
});
