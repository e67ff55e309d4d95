import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { osmoCancel } from "../../tools/osmo-cancel.ts";
import { osmoOutputs } from "../../tools/osmo-outputs.ts";
import { osmoStatus } from "../../tools/osmo-status.ts";
import { submitOsmo } from "../../tools/submit-osmo.ts";
import { osmoDesks, root } from "../support/osmo-desk.ts";
import { submitted as submittedRun, use } from "../support/osmo-run.ts";
import type { Snapshot } from "../support/osmo-service.ts";
import { good } from "../support/osmo-submit.ts";
import { refusalOf } from "../support/refusal.ts";

const open = osmoDesks();
const submitted = async (timeline: Snapshot[], args?: Record<string, unknown>) =>
  submittedRun(await open(), timeline, args);

const kit = "usd2roi-replicator";
const edit = "image-edit";

describe("the runs of a user", () => {
  it("without a run lists this user's runs, those of elsewhere too, and their outputs by workflow id", async () => {
    const { desk, connection, name } = await submitted([{ status: "COMPLETED" }]);
    const mine = desk.service.workflows.get("good_image_gen-1");
    if (!mine) throw new Error("it was submitted");
    const spec = mine.spec.replaceAll(name, "good_image_gen-0e0e0e0e");
    desk.service.workflows.set("good_image_gen-77", {
      ...mine,
      name: "good_image_gen-77",
      spec,
      submit_time: "2025-01-01T00:00:00.000000",
    });
    expect(await use(osmoStatus, connection, {})).toMatchObject({
      workflow_id: "good_image_gen-1",
      runs: [
        { name, workflow_id: "good_image_gen-1", status: "COMPLETED" },
        { workflow_id: "good_image_gen-77", status: "COMPLETED" },
      ],
    });
    const { facts } = await refusalOf(() => use(osmoOutputs, connection, { run: "good_image_gen-77" }));
    expect(facts).toMatchObject({ name: "good_image_gen-0e0e0e0e", looked_in: `${root}/runs/good_image_gen-0e0e0e0e` });
    await use(submitOsmo, connection, good);
    expect(await use(osmoOutputs, connection, {})).toMatchObject({ runs: [{}, {}, {}] });
  });

  it("without a run and without OSMO the record is listed alone", async () => {
    const { desk, connection, name } = await submitted([{ status: "RUNNING" }]);
    await rm(join(desk.home, "osmo"), { recursive: true });
    expect(await use(osmoStatus, connection, {})).toMatchObject({
      status_line: expect.stringContaining("not logged in"),
      terminal: false,
      runs: [{ name, status: "submitted" }],
    });
  });
});

describe("cancelling", () => {
  const running = [{ status: "RUNNING", tasks: { [kit]: { status: "RUNNING" } } }];

  it("names the running pods to the human and waits for the yes", async () => {
    const { connection, workflow } = await submitted(running);
    const done = await use(osmoCancel, connection, { reason: "render hangs" });
    expect(connection.asked.at(-1)?.message).toContain(`Running now, their work is lost: ${kit}`);
    expect(done.running).toEqual([kit, edit]);
    expect(workflow.cancelled).toBe(true);
    expect(await use(osmoStatus, connection, {})).toMatchObject({
      status: "RUNNING",
      cancel_requested: true,
      status_line: expect.stringContaining("cancel requested"),
    });
  });

  it("without a yes nothing is sent", async () => {
    const { desk, workflow } = await submitted(running);
    const refusal = await refusalOf(() => use(osmoCancel, desk.connect(), { reason: "impatience", words: "yes" }));
    expect(refusal.code).toBe("osmo.approval-required");
    const declined = desk.connect(() => ({ action: "decline" }));
    expect((await refusalOf(() => use(osmoCancel, declined, { reason: "impatience" }))).code).toBe(
      "osmo.approval-declined",
    );
    expect(workflow.cancelled).toBe(false);
  });

  it("a cancel that OSMO refuses is seen although the CLI exits 0", async () => {
    const { connection } = await submitted([...running, { status: "COMPLETED" }]);
    const refusal = await refusalOf(() => use(osmoCancel, connection, { reason: "render hangs" }));
    expect([refusal.code, refusal.facts.message]).toEqual([
      "osmo.cancel-refused",
      expect.stringContaining("already finished"),
    ]);
  });

  it("another user's workflow is left alone", async () => {
    const { connection, workflow } = await submitted(running);
    workflow.submitted_by = "bob";
    const refusal = await refusalOf(() => use(osmoCancel, connection, { reason: "not mine" }));
    expect([refusal.code, refusal.facts.owner, workflow.cancelled]).toEqual(["osmo.not-yours", "bob", false]);
  });
});
