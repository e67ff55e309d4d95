import { copyFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { type TinyLoop, tinyLoop } from "../../../support/tiny-loop.ts";
import { toolClient } from "../../../support/tool-client.ts";

let loop: TinyLoop;
beforeAll(async () => {
  loop = await tinyLoop("baseline-train");
});
afterAll(() => loop.remove());

it("a client that cannot ask learns from the refusal what stops the run, shows it, and passes the answer on", async () => {
  const folder = join(loop.workspace, "kpi", "images");
  const images = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".jpg")).sort();
  await copyFile(join(folder, images[1] ?? ""), join(folder, images[0] ?? ""));
  const client = await toolClient(loop.deps());
  const acknowledge = (words?: string) =>
    client.call("acknowledge_stop", { run: loop.runDir, resolve: "repaired", ...(words ? { words } : {}) });
  expect(await client.call("run_stage", { run: loop.runDir })).toMatchObject({ ok: false, code: "state.tampered" });
  // The state is whole, so loop_status has nothing to show.
  await client.result("loop_status", { run: loop.runDir });
  const first = await acknowledge("the new image is right");
  expect(first).toMatchObject({ ok: false, code: "approval.required" });
  expect(first.text).toContain(images[0] ?? "none");
  expect(await acknowledge("yes, the new image is right")).toMatchObject({
    ok: true,
    result: { acknowledged: "relayed" },
  });
  expect(await client.result("run_stage", { run: loop.runDir })).toMatchObject({ outcome: "committed" });
  await client.close();
});
