import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { secondProcess } from "../../../server/exec/second-process.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const folder = temporaryFolders();

async function started(script: string, startMs?: number) {
  const path = join(await folder(), "work.cjs");
  await writeFile(path, script);
  const process = secondProcess(path, { heapMb: 64, idleMs: 0, ...(startMs === undefined ? {} : { startMs }) });
  return { path, process };
}

it("a process that is started and says nothing is a refusal that names it, and how long it was waited for", async () => {
  const { path, process } = await started("setInterval(() => {}, 1e6);", 1);
  const { code, facts } = await refusalOf(() => process.ask("anything", { limitMs: 1 }));
  expect([code, facts.limit_sec]).toEqual(["install.silent-process", 0.001]);
  expect(facts.program).toContain(path);
});

it("a process that fell silent after its work is ended, and a new one does the next", async () => {
  const { process } = await started(`
    process.once("message", (request) => {
      for (const reply of [{ started: true }, { part: request }, { end: true }]) process.send(reply);
    });
    process.on("disconnect", () => process.exit());
    setInterval(() => {}, 1e6);
  `);
  const limits = { limitMs: 30_000 };
  expect([await process.ask("first", limits), await process.ask("second", limits)]).toEqual([["first"], ["second"]]);
  process.stop();
});
