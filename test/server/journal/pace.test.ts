import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { keepPace, paceKey, readPaces } from "../../../server/journal/pace.ts";
import { temporaryFolders } from "../../support/folder.ts";

const newFolder = temporaryFolders();

describe("the pace of this host", () => {
  it("is kept by platform and program, the newest passes only", async () => {
    const env = { XDG_STATE_HOME: await newFolder() };
    expect(await readPaces(env)).toEqual({});
    const [here, there] = [paceKey("embedded", "engine"), paceKey("docker", "tao")];
    for (let pass = 1; pass <= 10; pass += 1) await keepPace(here, "iteration", pass, env);
    await keepPace(there, "baseline", 0.123456, env);
    expect(await readPaces(env)).toEqual({
      [here]: { baseline: [], iteration: [3, 4, 5, 6, 7, 8, 9, 10] },
      [there]: { baseline: [0.1235], iteration: [] },
    });
  });

  it("stops nothing where it cannot be kept or read", async () => {
    const home = await newFolder();
    const file = join(home, "file");
    await writeFile(file, "no folder");
    await keepPace("embedded engine", "baseline", 1, { XDG_STATE_HOME: file });
    expect(await readPaces({ XDG_STATE_HOME: file })).toEqual({});
  });
});
