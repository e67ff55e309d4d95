import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { missingFiles } from "../../../server/cli/shipped.ts";
import { temporaryFolders } from "../../support/folder.ts";

const newFolder = temporaryFolders();

it("names what an installation lacks, the list of what it should have included", async () => {
  const root = await newFolder();
  expect(await missingFiles(root)).toEqual(["dist/shipped.json"]);
  await mkdir(join(root, "dist"));
  await writeFile(join(root, "dist", "shipped.json"), '["dist/versions.yaml","references/gates.md"]');
  await writeFile(join(root, "dist", "versions.yaml"), "");
  // A folder of that name is not the file.
  await mkdir(join(root, "references", "gates.md"), { recursive: true });
  expect(await missingFiles(root)).toEqual(["references/gates.md"]);
  await rm(join(root, "references", "gates.md"), { recursive: true });
  await writeFile(join(root, "references", "gates.md"), "");
  expect(await missingFiles(root)).toEqual([]);
});
