import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { submitOsmo } from "../../tools/submit-osmo.ts";
import { agreeing, osmoDesks, root } from "../support/osmo-desk.ts";
import { good, settled, submit } from "../support/osmo-submit.ts";
import { refusalOf } from "../support/refusal.ts";

const open = osmoDesks();
const settledDesk = async () => settled(await open());

describe("a dry run", () => {
  it("answers in five sections without login, service or storage", async () => {
    const desk = await open();
    await desk.service.stop();
    await rm(join(desk.home, "osmo"), { recursive: true });
    const plan = await submit(desk.connect(), { ...good, dry_run: true });
    expect(plan.outcome).toBe("planned");
    expect(plan.submit_command).toMatch(
      /^osmo workflow submit \/.*good_image_generation\.yaml --format-type json --pool '<pool>' --set .* --set-string /,
    );
    expect(plan.required_url_artifacts).toEqual(["<dig_url_root>/datasets/pcb/assets"]);
    expect(plan.output_location[1]).toMatch(/^<dig_url_root>\/runs\/good_image_gen-[0-9a-f]{8}\/augment$/);
    expect(plan.preflights.length).toBeGreaterThan(3);
    expect(plan.monitoring.join()).toContain("osmo_status");
    await desk.service.start();
  });

  it("shows what it made of a sentence, and is what a sentence that asks for the plan gets", async () => {
    const desk = await open();
    const request = "show me the plan for 60 tombstone and shift crops of the spark board";
    const plan = await submitOsmo.handle(submitOsmo.input.parse({ request }), desk.connect().call);
    expect(plan).toMatchObject({
      outcome: "planned",
      understood: expect.arrayContaining([
        "60: count=60 count_means=structural_crops",
        "tombstone: defect_modes=shift,tombstone",
        "spark board: board=0603_H100",
      ]),
      notes: [expect.stringContaining("render_patches=4 gives 65 to 80 crops")],
    });
  });

  it("returns what a sentence leaves open, with the arguments so far ready to pass", async () => {
    const desk = await open();
    const request = "generate fifty tombstone crops of the spark board";
    const { code, facts } = await refusalOf(() => submit(desk.connect(), { request, dry_run: true }));
    expect(code).toBe("osmo.needs-choice");
    expect(facts).toMatchObject({
      not_used: ["fifty"],
      pass: { flow: "structural_defect_generation", board: "0603_H100", knobs: ["defect_modes=tombstone"] },
      questions: [{ id: "count", options: [{ set: "count=50 count_means=structural_crops" }, {}] }],
    });
    const { pass } = facts as { pass: object };
    const done = await submit(desk.connect(), { ...pass, count: 50, count_means: "structural_crops", dry_run: true });
    expect(done.submit_command).toContain("render_patches=7");
  });

  it("does not need a human and returns questions when the request is open", async () => {
    const desk = await open();
    const refusal = await refusalOf(() => submit(desk.connect(), { request: "generate 50 images", dry_run: true }));
    expect(refusal.code).toBe("osmo.needs-choice");
    expect(refusal.facts).toMatchObject({ questions: [{ id: "count", options: { length: 4 } }] });
  });
});

describe("a human behind a form", () => {
  it("is asked about every word that ended nowhere, and the answers are what is planned", async () => {
    const desk = await settledDesk();
    const answers = { count: "about 50 pose-defect crops in all", left: "no, go on without" };
    const connection = desk.connect(agreeing(answers));
    const request = "fifty tombstone crops of the spark board for our new customer";
    const plan = await submitOsmo.handle(submitOsmo.input.parse({ request, dry_run: true }), connection.call);
    expect(connection.asked[0]?.message).toContain('Nothing was made of "new", "customer"');
    expect(plan).toMatchObject({ not_used: ["fifty", "new", "customer"] });
    expect(plan.submit_command).toContain("render_patches=7");
  });

  it("who has a photo of their own is told how to upload it first", async () => {
    const desk = await settledDesk();
    const connection = desk.connect(agreeing({ photo: "our own" }));
    const request = "label our own photo of the spark board";
    const { facts } = await refusalOf(() => submit(connection, { request, dry_run: true }));
    expect(facts.do_first).toContain(`osmo data upload ${root}/datasets/pcb/assets/input_real_image FILE`);
  });
});

describe("a ChangeNet pair", () => {
  it("is planned whole before its first half is submitted", async () => {
    const desk = await settledDesk();
    const plan = await submitOsmo.handle(
      submitOsmo.input.parse({ ...good, dry_run: true, pair_with: "new", board: "1152819000" }),
      desk.connect().call,
    );
    const { name, other_half } = plan as { name: string; other_half: { flow: string; submit_command: string } };
    expect(other_half.flow).toBe("structural_defect_generation");
    for (const part of [`name=${name}`, "board=1152819000", `dig_url_root=${root}`]) {
      expect(other_half.submit_command).toContain(part);
    }
  });

  it("takes the first half by its workflow id too", async () => {
    const desk = await settledDesk();
    const connection = desk.connect(agreeing());
    const first = await submit(connection, good);
    const second = await submit(connection, { ...structural, pair_with: first.workflow_id });
    expect(second.name).toBe(first.name);
  });

  const structural = { flow: "structural_defect_generation", usecase: "pcb" };

  it("shares one name and board", async () => {
    const desk = await settledDesk();
    const connection = desk.connect(agreeing());
    const first = await submit(connection, good);
    const second = await submit(connection, { ...structural, pair_with: first.name });
    expect(second.name).toBe(first.name);
    expect(second.workflow_id).toBe("structural_defect_gen-2");
    const again = await refusalOf(() => submit(connection, { ...structural, pair_with: first.name }));
    expect(again.code).toBe("osmo.bad-pair");
  });

  it.each<[string, Record<string, unknown>]>([
    ["another board", { ...structural, board: "1152819000" }],
    ["the same flow", good],
    ["a flow without pairs", { flow: "texture_defect_generation_day0" }],
    ["another root", { ...structural, knobs: { dig_url_root: "s3://other/dig" } }],
  ])("is refused with %s", async (_title, args) => {
    const desk = await settledDesk();
    const connection = desk.connect(agreeing());
    const { name } = await submit(connection, good);
    expect((await refusalOf(() => submit(connection, { ...args, pair_with: name }))).code).toBe("osmo.bad-pair");
  });

  it("is refused for a run that was not submitted here", async () => {
    const desk = await settledDesk();
    const args = { ...structural, pair_with: "good_image_gen-ffffffff" };
    expect((await refusalOf(() => submit(desk.connect(agreeing()), args))).code).toBe("osmo.bad-pair");
  });
});
