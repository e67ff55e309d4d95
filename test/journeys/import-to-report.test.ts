import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run as demo } from "../../server/cli/demo.ts";
import { run as importImages } from "../../server/cli/import.ts";
import { kindOf } from "../../server/fs/read.ts";
import { runCommand } from "../support/command.ts";
import { temporaryFolders } from "../support/folder.ts";
import { putMvtec } from "../support/public-layouts.ts";

const newFolder = temporaryFolders();

describe("a folder of images", () => {
  it("becomes a workspace on which a loop runs to its report", async () => {
    const folder = await newFolder();
    await putMvtec(join(folder, "transistor"));
    expect((await runCommand(importImages, ["transistor", "boards", "--write"], folder)).code).toBe(0);
    const argv = ["--workspace", "boards", "--max-iterations", "1", "--kpi", "FAR < 1% at recall=100%", "--json"];
    const { code, stdout, stderr } = await runCommand(demo, argv, folder);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/baseline/)]);
    const { report } = JSON.parse(stdout);
    expect(await kindOf(report)).toBe("file");
  });
});
