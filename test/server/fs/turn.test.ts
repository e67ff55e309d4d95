import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { takeTurn, turnTaken } from "../../../server/fs/turn.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();
const alive = (names: readonly string[]) => async (owner: Readonly<Record<string, unknown>>) =>
  names.includes(String(owner.name));

describe("a turn", () => {
  it("is given to one of many that ask for it at once, also after a dead owner", async () => {
    const stem = join(await folder(), "job.keeper");
    await writeFile(`${stem}.4`, JSON.stringify({ name: "dead" }));
    const asked = await Promise.all(
      Array.from({ length: 20 }, (_, at) => takeTurn(stem, { name: `p${at}` }, async ({ name }) => name !== "dead")),
    );
    expect(asked.filter((turn) => turn !== undefined)).toHaveLength(1);
  });

  it("is free again once it was given back", async () => {
    const stem = join(await folder(), "job.keeper");
    const turn = await takeTurn(stem, { name: "a" }, alive(["a"]));
    expect(await turnTaken(stem, alive(["a"]))).toBe(true);
    expect(await takeTurn(stem, { name: "b" }, alive(["a"]))).toBeUndefined();
    await turn?.release();
    expect(await takeTurn(stem, { name: "b" }, alive(["b"]))).toBeDefined();
  });

  it("belongs to a claim that is just being written", async () => {
    const stem = join(await folder(), "job.keeper");
    await writeFile(`${stem}.1`, "");
    expect(await takeTurn(stem, { name: "b" }, alive([]))).toBeUndefined();
  });
});
