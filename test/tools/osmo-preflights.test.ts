import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import type { Facts } from "../../server/errors.ts";
import { agreeing, type Desk, osmoBin, osmoDesks, root } from "../support/osmo-desk.ts";
import { goodTemplate, OsmoService } from "../support/osmo-service.ts";
import { good, settled, submit } from "../support/osmo-submit.ts";
import { refusalOf } from "../support/refusal.ts";

const open = osmoDesks();
const settledDesk = async () => settled(await open());

/** Whoever runs the service did what the next step asks of them. */
const healed = (desk: Desk) => desk.service.failures.clear();
const repairedTemplate = (desk: Desk) => {
  desk.service.podTemplate = goodTemplate;
};
const anotherPool = (desk: Desk) => {
  desk.service.pools.big = { status: "ONLINE", total_capacity: "8" };
  desk.service.nodes = { "big/default": { cpu: "64", gpu: "8", memory: "512Gi", storage: "1Ti" } };
  desk.service.profile = { ...desk.service.profile, pools: ["default", "big"] };
  return { pool: "big" };
};

describe("preflights", () => {
  it("set a missing credential from .env by file, never by argument", async () => {
    const desk = await settledDesk();
    desk.service.credentials.clear();
    await writeFile(join(desk.home, ".env"), "OTHER=1\nexport HF_TOKEN='hf_fromfile99'\n");
    await submit(desk.connect(agreeing()), { ...good, workspace: desk.home });
    expect(desk.service.credentials.get("hf-token")).toEqual({ token: "hf_fromfile99" });
    const commands = JSON.stringify(await desk.commands());
    expect(commands).toContain("--payload-file");
    expect(commands).not.toContain("hf_fromfile99");
    expect(desk.service.requests.filter((line) => line.startsWith("GET /api/models/"))).toHaveLength(2);
  });

  /** What is wrong, the code, and what its next step asks for: arguments to pass, where it asks for some. */
  it.each<[string, (desk: Desk) => unknown, string, (desk: Desk, facts: Facts) => unknown]>([
    [
      "no credential anywhere",
      (desk) => desk.service.credentials.clear(),
      "osmo.missing-credential",
      async (desk) => {
        await writeFile(join(desk.home, ".env"), "HF_TOKEN=hf_fromfile99\n");
        return { workspace: desk.home };
      },
    ],
    [
      "licences not accepted",
      (desk) => {
        desk.env.HF_TOKEN = "hf_secretsecret";
        desk.service.failures.set("GET /api/models/", { status: 403, body: "gated" });
      },
      "osmo.credential-refused",
      healed,
    ],
    [
      "a pod template without OptiX",
      (desk) => {
        desk.service.podTemplate = { default_user: { spec: { volumes: [] } } };
      },
      "osmo.pod-template",
      repairedTemplate,
    ],
    [
      "a pod template with little shared memory",
      (desk) => {
        const volumes = goodTemplate.default_user.spec.volumes.map((v) =>
          v.name === "dshm" ? { name: "dshm", emptyDir: { sizeLimit: "8Gi" } } : v,
        );
        desk.service.podTemplate = { default_user: { spec: { volumes } } };
      },
      "osmo.pod-template",
      repairedTemplate,
    ],
    [
      "a malformed pod template",
      (desk) => {
        desk.service.podTemplate = [];
      },
      "osmo.pod-template",
      repairedTemplate,
    ],
    [
      "a template read that fails",
      (desk) => {
        desk.service.failures.set("GET /api/configs", { status: 500, body: "boom" });
      },
      "osmo.pod-template",
      healed,
    ],
    [
      "missing artifacts",
      (desk) => rm(join(desk.home, "store", "lab", "dig", "datasets", "pcb", "assets"), { recursive: true }),
      "osmo.missing-artifact",
      async (desk, { submit: flows }) => {
        for (const flow of flows as string[]) await submit(desk.connect(agreeing()), { flow });
        // What the setup flow uploads.
        await settled(desk);
      },
    ],
    [
      "a storage without credentials",
      (desk) => {
        desk.env.OSMO_STAND_IN_STORE = undefined;
      },
      "osmo.storage",
      (desk) => {
        desk.env.OSMO_STAND_IN_STORE = join(desk.home, "store");
      },
    ],
    [
      "a pool with one GPU",
      (desk) => {
        desk.service.pools.default = { status: "ONLINE", total_capacity: "1" };
      },
      "osmo.no-capacity",
      anotherPool,
    ],
    [
      "a pool in maintenance",
      (desk) => {
        desk.service.pools.default = { status: "MAINTENANCE", total_capacity: "8" };
      },
      "osmo.no-capacity",
      anotherPool,
    ],
    [
      "an expired token",
      (desk) => {
        desk.service.failures.set("GET /api/profile", { status: 401, body: "token has expired" });
      },
      "osmo.not-logged-in",
      healed,
    ],
    [
      "a platform that the pool does not have",
      (desk) => {
        desk.service.nodes = { "default/h100": { cpu: "64", gpu: "8", memory: "512Gi", storage: "1Ti" } };
      },
      "osmo.no-pool",
      (_desk, { platforms }) => ({ knobs: { platform: (platforms as string[])[0] } }),
    ],
    [
      "nodes that are too small for a pod",
      (desk) => {
        desk.service.nodes = { "default/default": { cpu: "64", gpu: "8", memory: "16Gi", storage: "1Ti" } };
      },
      "osmo.no-capacity",
      (desk) => {
        const big = { cpu: "64", gpu: "8", memory: "512Gi", storage: "1Ti" };
        desk.service.nodes = { ...desk.service.nodes, "default/big": big };
        return { knobs: { platform: "big" } };
      },
    ],
    [
      "no login",
      (desk) => rename(join(desk.home, "osmo"), join(desk.home, "away")),
      "osmo.not-logged-in",
      (desk) => rename(join(desk.home, "away"), join(desk.home, "osmo")),
    ],
    [
      "no CLI",
      (desk) => {
        desk.env.DEFT_OSMO_BIN = "/nowhere/osmo";
      },
      "osmo.cli-missing",
      (desk) => {
        desk.env.DEFT_OSMO_BIN = osmoBin;
      },
    ],
    [
      "a role without permission",
      (desk) => {
        desk.service.failures.set("GET /api/credentials", { status: 403, body: "access denied" });
      },
      "osmo.forbidden",
      healed,
    ],
    [
      "a service that is down",
      (desk) => {
        desk.service.failures.set("GET /api/profile", { status: 503, body: "gone" });
      },
      "osmo.unavailable",
      healed,
    ],
    [
      "a foreign answer",
      (desk) => {
        desk.service.profile = { hello: "world" };
      },
      "osmo.bad-answer",
      (desk) => {
        desk.service.profile = new OsmoService().profile;
      },
    ],
  ])("%s: is told before a human is asked, and its next step leads to a submit", async (_title, spoil, code, mend) => {
    const desk = await settledDesk();
    await spoil(desk);
    const connection = desk.connect(agreeing());
    const refusal = await refusalOf(() => submit(connection, good));
    expect(refusal.code).toBe(code);
    expect(desk.service.workflows.size).toBe(0);
    expect(connection.asked).toEqual([]);
    const more = (await mend(desk, refusal.facts)) as object | undefined;
    expect(await submit(connection, { ...good, ...more })).toMatchObject({ outcome: "submitted" });
  });

  it("the CLI gets what it needs of the environment and no other secret", async () => {
    const desk = await settledDesk();
    const printed = join(desk.home, "environment");
    const bin = join(desk.home, "printing-osmo");
    await writeFile(bin, `#!/bin/sh\nenv > ${printed}\nexit 2\n`, { mode: 0o755 });
    Object.assign(desk.env, { DEFT_OSMO_BIN: bin, NGC_API_KEY: "nvapi-x", HF_TOKEN: "hf_x", AWS_PROFILE: "lab" });
    await refusalOf(() => submit(desk.connect(agreeing()), good));
    const names = (await readFile(printed, "utf8")).split("\n").map((line) => line.split("=")[0]);
    expect(names).toEqual(expect.arrayContaining(["PATH", "HOME", "OSMO_CONFIG_FILE_DIR", "AWS_PROFILE"]));
    expect(names.filter((name) => /NGC|HF_|DEFT/.test(name ?? ""))).toEqual([]);
  });

  it("nodes that may not be read forbid no submit", async () => {
    const desk = await settledDesk();
    desk.service.failures.set("GET /api/resources", { status: 403, body: "access denied" });
    const { preflights } = await submit(desk.connect(agreeing()), good);
    expect(preflights[0]).toBe("pool: ok, default is online; its nodes may not be read with this login");
  });

  it("a photo of one's own that is not there comes back with how to upload it", async () => {
    const desk = await settledDesk();
    const knobs = { real_image_filename: "input_real_image/line3.jpg" };
    const args = { flow: "texture_defect_generation_day1_real_alignment", knobs };
    const { code, facts } = await refusalOf(() => submit(desk.connect(agreeing()), args));
    expect([code, facts.upload]).toEqual([
      "osmo.missing-artifact",
      `osmo data upload ${root}/datasets/pcb/assets/input_real_image FILE`,
    ]);
  });

  it("a step that the checkpoint in the storage does not have is refused", async () => {
    const desk = await settledDesk();
    await desk.put("models/pcb/iter_000014000.pt", Buffer.from("x"));
    const args = { flow: "texture_defect_generation_day0", knobs: { checkpoint_step: 9000 } };
    const { code, facts } = await refusalOf(() => submit(desk.connect(agreeing()), args));
    expect([code, facts.known]).toEqual(["osmo.unknown-name", ["14000"]]);
  });

  it("a finetune is not told about an endpoint", async () => {
    const desk = await settledDesk();
    desk.service.nodes = { "default/default": { cpu: "8", gpu: "1", memory: "512Gi", storage: "1Ti" } };
    const { code, facts, remedy } = await refusalOf(() =>
      submit(desk.connect(agreeing()), { flow: "finetune", usecase: "pcb" }),
    );
    expect([code, facts.task]).toEqual(["osmo.no-capacity", "finetune"]);
    expect(JSON.stringify([facts, remedy])).not.toContain("endpoint");
  });

  it("missing artifacts name only setup flows", async () => {
    const desk = await settledDesk();
    for (const gone of ["models/pcb", "models/pretrained"])
      await rm(join(desk.home, "store", "lab", "dig", gone), { recursive: true });
    const refusal = await refusalOf(() => submit(desk.connect(agreeing()), { flow: "texture_defect_generation_day0" }));
    expect(refusal.facts).toEqual({
      missing: [`${root}/models/pretrained`, `${root}/models/pcb`],
      submit: ["setup_pretrained", "setup_pcb"],
    });
  });

  it("a forbidden template asks the human and remembers the yes", async () => {
    const desk = await settledDesk();
    desk.service.failures.set("GET /api/configs", { status: 403, body: "access denied" });
    const connection = desk.connect(agreeing({ pod_template: "yes, both" }));
    expect((await submit(connection, good)).outcome).toBe("submitted");
    expect(await desk.preferences()).toMatchObject({ pod_template: "user-confirmed" });
    await refusalOf(async () => {
      const other = await settledDesk();
      other.service.failures.set("GET /api/configs", { status: 403, body: "access denied" });
      await submit(other.connect(agreeing({ pod_template: "no or unsure" })), good);
    });
  });

  it("a template guarded by a ConfigMap is skipped with a warning", async () => {
    const desk = await settledDesk();
    desk.service.failures.set("GET /api/configs", {
      status: 409,
      body: JSON.stringify({ message: "Configs are managed by ConfigMap", error_code: "USER" }),
    });
    const done = await submit(desk.connect(agreeing()), good);
    expect(done.preflights).toContainEqual(expect.stringMatching(/^pod template: warn/));
    expect(await desk.preferences()).toMatchObject({ pod_template: "skipped-409" });
  });

  it("credentials and template are checked once a conversation, artifacts every time", async () => {
    const desk = await settledDesk();
    const connection = desk.connect(agreeing());
    await submit(connection, good);
    const before = (await desk.commands()).length;
    const second = await submit(connection, good);
    const later = (await desk.commands()).slice(before).map((argv) => argv.slice(0, 2).join(" "));
    expect(later).not.toContain("config show");
    expect(later.filter((command) => command === "credential --format-type")).toHaveLength(0);
    expect(later.filter((command) => command === "data list").length).toBeGreaterThan(1);
    expect(second.reference).toBeUndefined();
  });

  it.each([
    [["nvidia/Qwen-Image-Edit-NVPCB-OVSL2SL"], "submitted"],
    [["qwen/qwen-image-edit-2511"], "osmo.endpoint"],
    [[], "osmo.endpoint"],
  ])("an endpoint that serves %j", async (models, expected) => {
    const desk = await settledDesk();
    desk.service.models = models;
    const args = { ...good, knobs: { image_edit_endpoint: `${desk.env.HF_ENDPOINT}/v1` } };
    const work = submit(desk.connect(agreeing()), args);
    if (expected === "submitted") {
      expect((await work).outcome).toBe(expected);
      expect(await desk.preferences()).toMatchObject({ image_edit_endpoint: `${desk.env.HF_ENDPOINT}/v1` });
    } else expect((await refusalOf(() => work)).code).toBe(expected);
  });

  it("glass setup wants its zip directly below the prefix", async () => {
    const desk = await settledDesk();
    const args = { flow: "setup_glass", knobs: { uc3_zip_url_root: `${root}/uploads/glass-zip` } };
    await desk.put("uploads/glass-zip/mobile_screen.zip/mobile_screen.zip", Buffer.from("x"));
    expect((await refusalOf(() => submit(desk.connect(agreeing()), args))).code).toBe("osmo.missing-artifact");
    await rm(join(desk.home, "store", "lab", "dig", "uploads"), { recursive: true });
    await desk.put("uploads/glass-zip/mobile_screen.zip", Buffer.from("x"));
    expect((await submit(desk.connect(agreeing()), args)).workflow_id).toBe("setup_glass-1");
  });
});
