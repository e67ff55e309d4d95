import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { installationDigest } from "../../../server/exec/installation.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();

it("an installation is named by what its program files hold now", async () => {
  const home = await folder();
  const main = join(home, "main.js");
  // Texts of one length, written within one tick of the file system's clock, show the same times.
  const digestOf = async (text: string) => {
    await writeFile(main, text);
    return await installationDigest(main);
  };
  await writeFile(join(home, "notes.txt"), "one");
  const one = await digestOf("one");
  const two = await digestOf("two");
  expect(two).not.toBe(one);
  await writeFile(join(home, "notes.txt"), "two");
  expect(await installationDigest(main)).toBe(two);
  await writeFile(join(home, "more.js"), "");
  expect(await installationDigest(main)).not.toBe(two);
  expect(await digestOf("one")).not.toBe(one);
});
