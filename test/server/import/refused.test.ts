import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run as doctor } from "../../../server/cli/doctor.ts";
import { run } from "../../../server/cli/import.ts";
import { filesBelow } from "../../../server/fs/folder.ts";
import { runCommand } from "../../support/command.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { photograph, putGray, putText } from "../../support/photographs.ts";

const newFolder = temporaryFolders();
const part = { name: "part", style: "leads", side: 64 } as const;

/** Photos of one design, or of as many designs as there are photos. */
async function putPhotos(folder: string, count: number, designs: "one" | "many", defect?: "spur"): Promise<void> {
  for (let at = 0; at < count; at++) {
    const design =
      designs === "one" ? part : ({ ...part, name: `${folder} ${at}`, style: at % 2 ? "bus" : "array" } as const);
    const { gray } = photograph(design, `${folder} ${at}`, defect === undefined ? [] : [defect]);
    await putGray(join(folder, `photo${at}.png`), gray, design.side);
  }
}

async function refused(root: string, argv: readonly string[] = []) {
  const { code, stdout } = await runCommand(run, ["source", "boards", "--write", "--json", ...argv], root);
  expect([code, (await filesBelow(root)).filter((name) => !name.startsWith("source/"))]).toEqual([2, []]);
  return JSON.parse(stdout).error;
}

describe("deft-mcp import refuses, and writes nothing,", () => {
  it("photos that nobody sorted: no split, label or golden image is made up", async () => {
    const root = await newFolder();
    await putPhotos(join(root, "source"), 6, "one");
    const { code, facts } = await refused(root);
    expect(code).toBe("input.import-layout");
    expect(facts).toMatchObject({
      images: 6,
      golden: expect.stringMatching(/same place of a board that is known to be good/),
    });
  });

  it("labels of which none means a good part, unless one is named", async () => {
    const root = await newFolder();
    await putPhotos(join(root, "source/A"), 12, "one");
    await putPhotos(join(root, "source/B"), 12, "one", "spur");
    expect((await refused(root)).code).toBe("input.import-layout");
    expect((await refused(root, ["--pattern", "(?<label>[AB])/"])).code).toBe("input.no-good-parts");
    const named = ["source", "boards", "--pattern", "(?<label>[AB])/", "--good", "A", "--json"];
    const { stdout } = await runCommand(run, named, root);
    expect(JSON.parse(stdout).labels).toMatchObject([
      { written: "B", label: "b" },
      { written: "A", label: "PASS" },
    ]);
  });

  it("photos of different places, which are no pairs", async () => {
    const root = await newFolder();
    await putPhotos(join(root, "source/good"), 12, "many");
    await putPhotos(join(root, "source/spur"), 12, "many", "spur");
    const { code, message, facts } = await refused(root);
    expect(code).toBe("input.no-pairs");
    expect(message).toMatch(/have no golden image that shows the same place/);
    expect(facts.examples[0].why).toMatch(/correlates by -?0\.\d\d with its best golden image/);
  });

  it("boxes on boards of which none is good: nothing shows what they should look like", async () => {
    const root = await newFolder();
    await putText(join(root, "source/classes.txt"), "spur\n");
    for (let at = 0; at < 4; at++) {
      const { gray, side } = photograph({ ...part, side: 160 }, `board ${at}`, ["spur"]);
      await putGray(join(root, `source/images/${at}.png`), gray, side);
      await putText(join(root, `source/labels/${at}.txt`), "0 0.5 0.5 0.1 0.1\n");
    }
    const { code, facts } = await refused(root);
    expect([code, facts.examples[0].why]).toEqual([
      "input.no-pairs",
      expect.stringMatching(/^no good image of this place/),
    ]);
  });

  it("too few boards to divide", async () => {
    const root = await newFolder();
    await putPhotos(join(root, "source/good"), 12, "one");
    await putPhotos(join(root, "source/spur"), 1, "one", "spur");
    expect((await refused(root)).code).toBe("input.too-few-boards");
  });

  it("a workspace inside the source, and one that holds anything", async () => {
    const root = await newFolder();
    await putPhotos(join(root, "source/good"), 1, "one");
    const inside = await runCommand(run, ["source", "source/boards", "--json"], root);
    expect(JSON.parse(inside.stdout).error.code).toBe("input.invalid");
    const filled = await runCommand(run, ["source", ".", "--json"], join(root));
    expect(JSON.parse(filled.stdout).error.code).toBe("input.workspace-exists");
  });

  it("three lightings, until one, two or four are named", async () => {
    const root = await newFolder();
    for (const folder of ["good", "spur"]) {
      for (const light of ["red", "green", "blue"]) {
        await putGray(join(root, "source", folder, `b1_${light}.png`), photograph(part, light).gray, part.side);
      }
    }
    const { code, facts } = await refused(root, ["--pattern", "(?<board>b\\d+)_(?<lighting>[a-z]+)"]);
    expect([code, facts.lightings]).toEqual(["input.invalid", ["blue", "green", "red"]]);
  });
});

describe("deft-mcp doctor", () => {
  it("says of a folder of images that it has no tables, and of an empty one what fills it", async () => {
    const root = await newFolder();
    await putPhotos(join(root, "photos"), 2, "one");
    await mkdir(join(root, "empty"));
    const photos = await runCommand(doctor, ["--workspace", "photos"], root);
    expect(photos.code).toBe(2);
    expect(photos.stderr).toMatch(/^input\.bare-folder: .*photos holds 2 images but no tables: import them\./);
    expect(photos.stderr).toContain("deft-mcp import ");
    const empty = await runCommand(doctor, ["--workspace", "empty"], root);
    expect(empty.stderr).toMatch(/^input\.bare-folder: .*empty is empty/);
    await writeFile(join(root, "empty/notes.txt"), "");
    expect((await runCommand(doctor, ["--workspace", "empty"], root)).stdout).toMatch(/HALT/);
  });
});
