import { describe, expect, it } from "@jest/globals";
import type { Facts } from "../../server/errors.ts";
import { osmoCancel } from "../../tools/osmo-cancel.ts";
import { osmoOutputs } from "../../tools/osmo-outputs.ts";
import { osmoStatus } from "../../tools/osmo-status.ts";
import { preferences } from "../../tools/preferences.ts";
import { agreeing, osmoDesks } from "../support/osmo-desk.ts";
import { submitted, use } from "../support/osmo-run.ts";
import { good, settled, submit } from "../support/osmo-submit.ts";
import { refusalOf } from "../support/refusal.ts";

const open = osmoDesks();
const day0 = "texture_defect_generation_day0";
const manual = "texture_defect_generation_day1_manual_roi";

type Args = Record<string, unknown>;
// biome-ignore lint/suspicious/noExplicitAny: facts have a shape of their own for each code
type Said = Record<string, any>;

/** A call of submit_osmo that is refused, and the call that its next step asks for. */
const calls: [code: string, args: Args, next: (said: Said, args: Args) => Args][] = [
  [
    "osmo.illegal-pair",
    { flow: "good_image_generation", usecase: "metal" },
    (said) => ({ flow: said.flows[0], usecase: said.usecase }),
  ],
  [
    "osmo.wrong-flow",
    { request: "missing components", flow: "structural_defect_generation" },
    (said) => ({ request: "missing components", flow: said.use, board: "0603_H100" }),
  ],
  [
    "osmo.unknown-knob",
    { ...good, knobs: { render_patch: 9 } },
    (said) => ({ ...good, knobs: { [keyOf(said.knobs, "render_patches")]: 9 } }),
  ],
  [
    "osmo.bad-knob",
    { ...good, knobs: { crop_max_emit: "many" } },
    (said) => ({ ...good, knobs: { crop_max_emit: /whole number from (\d+)/.exec(said.form)?.[1] } }),
  ],
  ["osmo.unknown-name", { ...good, board: "0603_H200" }, (said) => ({ ...good, board: said.nearest[0] })],
  [
    "osmo.ignored-knob",
    { flow: manual, usecase: "metal", board: "spark" },
    (said) => without({ flow: manual, usecase: "metal", board: "spark" }, said.argument),
  ],
  ["osmo.fixed-knob", { flow: day0, knobs: { infer_gpu: 2 } }, () => ({ flow: day0 })],
  ["osmo.no-pool", { ...good, pool: "secret" }, (said) => ({ ...good, pool: said.accessible[0] })],
  ["osmo.bad-pair", { ...good, pair_with: "good_image_gen-ffffffff" }, () => ({ ...good, pair_with: "new" })],
  ["osmo.flow-files-missing", { ...good, flows_dir: "/nowhere" }, () => good],
];

/** The name of a line of the knob list, proved to stand there. */
function keyOf(knobs: string[], name: string): string {
  const line = knobs.find((one) => one.startsWith(`${name}:`));
  if (line === undefined) throw new Error(`${name} is not in the list`);
  return name;
}

const without = (args: Args, argument: string): Args =>
  Object.fromEntries(Object.entries(args).filter(([name]) => name !== argument));

describe("the next step of a refused submit", () => {
  it.each(calls)("%s leads to a submit", async (code, args, next) => {
    const desk = await settled(await open());
    const connection = desk.connect(agreeing());
    const refusal = await refusalOf(() => submit(connection, args));
    expect(refusal.code).toBe(code);
    expect(await submit(connection, next(refusal.facts as Said, args))).toMatchObject({ outcome: "submitted" });
  });

  it("osmo.needs-choice: what the facts name is passed with the human's choice", async () => {
    const desk = await settled(await open());
    const connection = desk.connect();
    const asked = await refusalOf(() => submit(connection, { request: "make some defects" }));
    expect(asked.code).toBe("osmo.needs-choice");
    const { pass, questions } = asked.facts as Said;
    const [, flow] = /^flow=(\S+)$/.exec(questions[0].options[0].set) ?? [];
    const answered = { ...pass, flow };
    expect((await refusalOf(() => submit(connection, answered))).code).toBe("osmo.approval-required");
    expect(await submit(connection, { ...answered, words: "yes" })).toMatchObject({ outcome: "submitted" });
  });

  it("osmo.approval-required: the human's words to the summary", async () => {
    const connection = (await settled(await open())).connect();
    const refusal = await refusalOf(() => submit(connection, good));
    expect([refusal.code, (refusal.facts as Facts).summary]).toEqual(["osmo.approval-required", expect.anything()]);
    expect(await submit(connection, { ...good, words: "yes, submit it" })).toMatchObject({ outcome: "submitted" });
  });
});

describe("the next step of a refusal about a run on OSMO", () => {
  it("osmo.unknown-run: osmo_status without arguments lists the names to pass", async () => {
    const { connection, name } = await submitted(await open(), [{ status: "RUNNING" }]);
    expect((await refusalOf(() => use(osmoOutputs, connection, { run: "no such name" }))).code).toBe(
      "osmo.unknown-run",
    );
    const { runs } = (await use(osmoStatus, connection, {})) as Said;
    expect(runs[0].name).toBe(name);
    expect(await use(osmoStatus, connection, { run: runs[0].name })).toMatchObject({ status: "RUNNING" });
  });

  it("osmo.cancel-refused and osmo.no-outputs: osmo_status says what became of it", async () => {
    const { connection } = await submitted(await open(), [{ status: "RUNNING" }, { status: "COMPLETED" }]);
    const refusal = await refusalOf(() => use(osmoCancel, connection, { reason: "render hangs" }));
    expect(refusal.code).toBe("osmo.cancel-refused");
    expect(await use(osmoStatus, connection, {})).toMatchObject({ status: "COMPLETED", terminal: true });
    expect((await refusalOf(() => use(osmoOutputs, connection, {}))).code).toBe("osmo.no-outputs");
  });

  it("osmo.bad-preference: a key and a value of the list in the facts", async () => {
    const connection = (await open()).connect(agreeing());
    const refusal = await refusalOf(() => use(preferences, connection, { key: "board", value: "spark" }));
    expect(refusal.code).toBe("osmo.bad-preference");
    const [, key] = refusal.facts.keys as string[];
    expect(await use(preferences, connection, { key, value: "big" })).toMatchObject({ preferences: { pool: "big" } });
  });
});
