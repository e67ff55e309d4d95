import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { unzipSync } from "fflate";
import { osmoOutputs } from "../../tools/osmo-outputs.ts";
import { preferences } from "../../tools/preferences.ts";
import { agreeing, type Desk, osmoDesks, root } from "../support/osmo-desk.ts";
import { submitted as submittedRun, use } from "../support/osmo-run.ts";
import type { Snapshot } from "../support/osmo-service.ts";
import { refusalOf } from "../support/refusal.ts";

const open = osmoDesks();
const submitted = async (timeline: Snapshot[], args?: Record<string, unknown>) =>
  submittedRun(await open(), timeline, args);
const kit = "usd2roi-replicator";

/** Fills a good-image run: `cells` with `stems` each, and a hole where `restyled` says no. */
async function fillGood(
  desk: Desk,
  name: string,
  cells: number,
  stems: number,
  restyled = (_cell: number, _stem: number) => true,
) {
  for (let cell = 0; cell < cells; cell++) {
    for (let stem = 0; stem < stems; stem++) {
      const place = `passive_component/x${cell}_y0`;
      const file = String(stem).padStart(4, "0");
      await desk.put(
        `runs/${name}/usd2roi-components/crop/${place}/normal_img/${file}.png`,
        Buffer.from(`render ${cell} ${stem}`),
      );
      await desk.put(
        `runs/${name}/usd2roi-components/crop/${place}/cad_mask/${file}_cad_mask.png`,
        Buffer.from("mask"),
      );
      if (restyled(cell, stem))
        await desk.put(`runs/${name}/augment/crop/${place}/${file}.jpg`, Buffer.from(`styled ${cell} ${stem}`));
    }
  }
}

const done: Snapshot[] = [{ status: "COMPLETED" }];

describe("outputs", () => {
  it("a preview shows the same frame in every column, one of each cell first", async () => {
    const { desk, connection, name } = await submitted(done);
    await fillGood(desk, name, 12, 3, (cell) => cell !== 2);
    const seen = await use(osmoOutputs, connection, { samples: 5 });
    expect(seen).toMatchObject({
      columns: ["OV render", "OV cad mask", "Restyled"],
      dropped: [],
      samples: 5,
      replaced: false,
    });
    expect((await desk.commands()).filter(([module, what]) => module === "data" && what !== "list")).toHaveLength(1);
    const dir = join(desk.home, "outputs", name, "preview");
    const styled = await readdir(join(dir, "col3"));
    expect(styled).toEqual((await readdir(join(dir, "col1"))).map((file) => file.replace(".png", ".jpg")));
    for (const file of styled) {
      const [, cell, stem] = /x(\d+)_y0__0*(\d+)\.jpg/.exec(file) ?? [];
      expect(await readFile(join(dir, "col3", file), "utf8")).toBe(`styled ${cell} ${stem}`);
    }
    const page = await readFile(join(dir, "index.html"), "utf8");
    expect([...page.matchAll(/src="([^"]+)"/g)].every(([, src]) => /^col\d\/[\w.-]+$/.test(src ?? ""))).toBe(true);
    expect((await use(osmoOutputs, connection, { samples: 5 })).replaced).toBe(true);
  });

  it("a column without matching frames is dropped, not mixed", async () => {
    const { desk, connection, name } = await submitted(done);
    await fillGood(desk, name, 3, 2, () => false);
    expect(await use(osmoOutputs, connection, {})).toMatchObject({
      columns: ["OV render", "OV cad mask"],
      dropped: ["Restyled"],
    });
  });

  it("an archive holds every stage and the logs of the tasks that ran", async () => {
    const { desk, connection, name, workflow } = await submitted(done);
    await fillGood(desk, name, 1, 1);
    workflow.logs[kit] = "rendered\n";
    const seen = await use(osmoOutputs, connection, { mode: "archive" });
    const zip = unzipSync(new Uint8Array(await readFile(String(seen.path))));
    expect(Object.keys(zip).sort()).toEqual([
      "logs/image-edit.log",
      "logs/usd2roi-replicator.log",
      "runs/augment/crop/passive_component/x0_y0/0000.jpg",
      "runs/usd2roi-components/crop/passive_component/x0_y0/cad_mask/0000_cad_mask.png",
      "runs/usd2roi-components/crop/passive_component/x0_y0/normal_img/0000.png",
    ]);
    expect(Buffer.from(zip["logs/usd2roi-replicator.log"] ?? []).toString()).toBe("rendered\n");
    await use(osmoOutputs, connection, {});
    expect((await desk.commands()).filter((argv) => argv[1] === "download")).toHaveLength(2);
  });

  it("an interrupted download leaves nothing that looks whole", async () => {
    const { desk, connection, name } = await submitted(done);
    await fillGood(desk, name, 1, 1);
    desk.env.OSMO_STAND_IN_BREAK_DOWNLOAD = "augment";
    expect((await refusalOf(() => use(osmoOutputs, connection, { mode: "archive" }))).code).toBe("osmo.download");
    expect(await readdir(join(desk.home, "outputs", name, "download", "runs"))).toEqual(["usd2roi-components"]);
    desk.env.OSMO_STAND_IN_BREAK_DOWNLOAD = undefined;
    expect((await use(osmoOutputs, connection, { mode: "archive" })).files).toBe(5);
  });

  it("a run without outputs, a target outside the workspace and a flow without images are refused", async () => {
    const { desk, connection, name } = await submitted(done);
    expect((await refusalOf(() => use(osmoOutputs, connection, {}))).code).toBe("osmo.no-outputs");
    await fillGood(desk, name, 1, 1);
    expect((await refusalOf(() => use(osmoOutputs, connection, { target_dir: "../elsewhere" }))).code).toBe(
      "gate.path-outside-workspace",
    );
    const elsewhere = { run: "finetune-00ff00ff", flow: "finetune", root };
    expect((await refusalOf(() => use(osmoOutputs, connection, elsewhere))).code).toBe("osmo.no-outputs");
  });

  it("a target directory that does not exist is made", async () => {
    const { desk, connection, name } = await submitted(done);
    await fillGood(desk, name, 1, 1);
    const shown = await use(osmoOutputs, connection, { target_dir: "not/there/yet" });
    expect(await readdir(join(desk.home, "not", "there", "yet"))).not.toEqual([]);
    expect(shown.samples).toBe(1);
  });

  it("checkpoints are downloaded only after a human agreed to the size", async () => {
    const { desk, name } = await submitted(done, { flow: "finetune", usecase: "pcb" });
    await desk.put(`runs/${name}/finetune/results/iter_000002000.pt`, Buffer.from("weights"));
    const silent = desk.connect();
    expect((await refusalOf(() => use(osmoOutputs, silent, { mode: "archive" }))).code).toBe("osmo.approval-required");
    expect((await use(osmoOutputs, silent, { mode: "archive", words: "ok, take it" })).files).toBe(2);
  });

  it("a run submitted elsewhere is shown by name, flow and root", async () => {
    const desk = await open();
    const name = "texture_defect_gen_day1_manual_roi-0a0a0a0a";
    for (const kind of ["original_image", "original_mask", "reconstructed_image"]) {
      for (let i = 0; i < 20; i++)
        await desk.put(`runs/${name}/anomaly/inference/${kind}/${i}.png`, Buffer.from(`${kind} ${i}`));
    }
    const args = { run: name, flow: "texture_defect_generation_day1_manual_roi", root: `${root}/` };
    expect(await use(osmoOutputs, desk.connect(), args)).toMatchObject({
      samples: 8,
      columns: ["Original image", "Original mask", "Defect"],
    });
  });
});

describe("preferences", () => {
  it("the storage root is written only with a human's yes", async () => {
    const desk = await open();
    const silent = desk.connect();
    const args = { key: "dig_url_root", value: root };
    expect((await refusalOf(() => use(preferences, silent, args))).code).toBe("osmo.approval-required");
    expect((await use(preferences, silent, { ...args, words: "yes" })).preferences).toEqual({ dig_url_root: root });
    expect(
      (
        await refusalOf(() =>
          use(
            preferences,
            desk.connect(() => ({ action: "cancel" })),
            { ...args, value: "s3://b/x" },
          ),
        )
      ).code,
    ).toBe("osmo.approval-declined");
  });

  it.each([
    [
      "image_edit_endpoint",
      "http://qwen-image-edit-nvpcb-ovsl2sl.osmo-nims.svc.cluster.local:8000/v1",
      "osmo.bad-preference",
    ],
    ["image_edit_endpoint", "https://user:password@host/v1", "osmo.bad-knob"],
    ["pod_template", "verified", "osmo.bad-preference"],
    ["osmo_admin", "true", "osmo.bad-preference"],
    ["board", "0603_H100", "osmo.bad-preference"],
    ["board", "spark", "osmo.bad-preference"],
  ])("%s=%s is not kept", async (key, value, code) => {
    const desk = await open();
    expect((await refusalOf(() => use(preferences, desk.connect(agreeing()), { key, value }))).code).toBe(code);
  });

  it("are kept for the owner alone, shown and forgotten", async () => {
    const desk = await open();
    const connection = desk.connect();
    await use(preferences, connection, { key: "board", value: "1152819000" });
    expect(await use(preferences, connection, {})).toMatchObject({ preferences: { board: "1152819000" } });
    await use(preferences, connection, { key: "board", value: "" });
    expect(await desk.preferences()).toEqual({ version: 1 });
    const { mode } = await stat(join(desk.home, "config", "deft-mcp", "preferences.json"));
    expect(mode & 0o777).toBe(0o600);
  });

  it("a file that holds something else is refused, not overwritten", async () => {
    const desk = await open();
    await mkdir(join(desk.home, "config", "deft-mcp"), { recursive: true });
    await writeFile(join(desk.home, "config", "deft-mcp", "preferences.json"), '{"version":1,"token":"x"}');
    expect((await refusalOf(() => use(preferences, desk.connect(), {}))).code).toBe("osmo.bad-preference");
  });
});
