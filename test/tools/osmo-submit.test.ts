import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { osmoStatus } from "../../tools/osmo-status.ts";
import { agreeing, allArtifacts, osmoDesks, root } from "../support/osmo-desk.ts";
import { use } from "../support/osmo-run.ts";
import { good, settled, submit } from "../support/osmo-submit.ts";
import { refusalOf } from "../support/refusal.ts";

const open = osmoDesks();
const settledDesk = async () => settled(await open());

describe("a first submit", () => {
  it("asks root, pool and endpoint in one form before any check, saves the root and submits", async () => {
    const desk = await open();
    await desk.store(...allArtifacts);
    desk.service.credentials.set("hf-token", { token: "hf_secretsecret" });
    desk.service.profile = {
      ...desk.service.profile,
      profile: { username: "ann", pool: null },
      pools: ["default", "big"],
    };
    const answers = {
      dig_url_root: `${root}/`,
      pool: "default",
      image_edit_endpoint: "in-cluster service (takes one GPU of the pool)",
    };
    const connection = desk.connect(agreeing(answers));
    const done = await submit(connection, good);
    expect(connection.asked.map(({ required }) => required)).toEqual([
      ["dig_url_root", "pool", "image_edit_endpoint"],
      ["approve"],
    ]);
    expect(connection.asked[0]?.fields.dig_url_root).not.toHaveProperty("default");
    expect(done.workflow_id).toBe("good_image_gen-1");
    expect(done.name).not.toBe(done.workflow_id);
    expect(await desk.preferences()).toEqual({
      version: 1,
      osmo_admin: false,
      dig_url_root: root,
      pool: "default",
      pod_template: "verified",
    });
  });

  it("nothing but profile and pod template is read before the questions are answered", async () => {
    const desk = await open();
    const connection = desk.connect(() => ({ action: "decline" }));
    expect((await refusalOf(() => submit(connection, good))).code).toBe("osmo.approval-declined");
    expect(await desk.commands()).toEqual([
      ["profile", "list", "-t", "json"],
      ["config", "show", "POD_TEMPLATE"],
    ]);
    expect(await desk.preferences()).not.toHaveProperty("dig_url_root");
  });

  it("without a form the questions go back, and a root passed then still waits for the human's words", async () => {
    const desk = await open();
    await desk.store(...allArtifacts);
    desk.service.credentials.set("hf-token", { token: "hf_secretsecret" });
    const connection = desk.connect();
    const asked = await refusalOf(() => submit(connection, good));
    expect(asked.code).toBe("osmo.needs-choice");
    const args = { ...good, knobs: { dig_url_root: root } };
    const early = await refusalOf(() => submit(connection, { ...args, words: "just do it" }));
    expect(early.code).toBe("osmo.approval-required");
    expect(early.facts.summary).toContainEqual(expect.stringContaining(`Storage root: ${root} (new`));
    expect(await desk.preferences()).not.toHaveProperty("dig_url_root");
    expect((await submit(connection, { ...args, words: "yes, use that bucket" })).outcome).toBe("submitted");
    expect(await desk.preferences()).toMatchObject({ dig_url_root: root });
  });

  it("a preauthorised flow does not confirm a root", async () => {
    const desk = await open();
    await desk.store(...allArtifacts);
    desk.service.credentials.set("hf-token", { token: "hf_secretsecret" });
    desk.env.DEFT_OSMO_APPROVE = "good_image_generation";
    const args = { ...good, knobs: { dig_url_root: root } };
    expect((await refusalOf(() => submit(desk.connect(), args))).code).toBe("osmo.root-unconfirmed");
    desk.env.DEFT_OSMO_ROOT = root;
    expect((await submit(desk.connect(), good)).outcome).toBe("submitted");
    expect(await desk.preferences()).not.toHaveProperty("dig_url_root");
  });
});

describe("approval", () => {
  it("a declined form is never turned into relayed words", async () => {
    const desk = await settledDesk();
    const connection = desk.connect(() => ({ action: "cancel" }));
    const refusal = await refusalOf(() => submit(connection, good));
    expect(refusal.code).toBe("osmo.approval-declined");
    expect(refusal.facts.terminal).toMatch(/^deft-mcp osmo submit good_image_generation --pool default/);
    expect((await refusalOf(() => submit(connection, { ...good, words: "yes" }))).code).toBe("osmo.approval-declined");
    expect(desk.service.workflows.size).toBe(0);
  });

  it("the operator can forbid relayed words", async () => {
    const desk = await settledDesk();
    desk.env.DEFT_APPROVAL = "human";
    const connection = desk.connect();
    expect((await refusalOf(() => submit(connection, good))).code).toBe("osmo.approval-no-human");
    expect((await refusalOf(() => submit(connection, { ...good, words: "yes" }))).code).toBe("osmo.approval-no-human");
  });

  it("words for one plan do not pay for another", async () => {
    const desk = await settledDesk();
    const connection = desk.connect();
    await refusalOf(() => submit(connection, good));
    const bigger = { ...good, knobs: { crop_max_emit: "null" }, words: "yes" };
    expect((await refusalOf(() => submit(connection, bigger))).code).toBe("osmo.approval-required");
  });

  it("the question names GPUs, hours, pool, root and settings", async () => {
    const desk = await settledDesk();
    const connection = desk.connect(agreeing());
    await submit(connection, { flow: "texture_defect_generation_day0", knobs: { use_pretrained_checkpoint: false } });
    expect(connection.asked[0]?.message).toContain("GPUs: up to 2 at once, at most 112 GPU hours");
    expect(connection.asked[0]?.message).toContain("one more");
    expect(connection.asked[0]?.message).toContain(root);
  });
});

describe("submitting", () => {
  it("every submit has a fresh name, and the spec at the service holds it", async () => {
    const desk = await settledDesk();
    const connection = desk.connect(agreeing());
    const [one, two] = [await submit(connection, good), await submit(connection, good)];
    expect(one.name).not.toBe(two.name);
    expect(desk.service.workflows.get(one.workflow_id)?.spec).toContain(`/runs/${one.name}/augment`);
    expect(desk.service.workflows.get(one.workflow_id)?.spec).not.toContain("localpath:");
  });

  it("a name whose outputs stand in the storage already is not used a second time", async () => {
    const desk = await settledDesk();
    const { call, asked } = desk.connect(agreeing());
    await desk.put("runs/good_image_gen-bbbbbbbb/augment/one.png", Buffer.from("x"));
    const again = { asked, call: { ...call, deps: { ...call.deps, ids: { hex: (n: number) => "b".repeat(n) } } } };
    const refusal = await refusalOf(() => submit(again, good));
    expect([refusal.code, refusal.facts.name]).toEqual(["osmo.name-used", "good_image_gen-bbbbbbbb"]);
    expect(desk.service.workflows.size).toBe(0);
  });

  it("a lost answer is looked up, never sent again", async () => {
    const desk = await settledDesk();
    desk.service.loseSubmitAnswer = true;
    const done = await submit(desk.connect(agreeing()), good);
    expect(done.workflow_id).toBe("good_image_gen-1");
    expect(desk.service.workflows.size).toBe(1);
  });

  it("when the look-up fails too, the next call finds the workflow instead of sending", async () => {
    const desk = await settledDesk();
    desk.service.loseSubmitAnswer = true;
    desk.service.failures.set("GET /api/workflow", { status: 502, body: "bad gateway" });
    const connection = desk.connect(agreeing());
    expect((await refusalOf(() => submit(connection, good))).code).toBe("osmo.submit-unknown");
    desk.service.failures.clear();
    desk.service.loseSubmitAnswer = false;
    const found = await submit(connection, good);
    expect(found).toMatchObject({ outcome: "recovered", workflow_id: "good_image_gen-1" });
    expect(desk.service.workflows.size).toBe(1);
    expect((await submit(connection, good)).workflow_id).toBe("good_image_gen-2");
  });

  it("a refusal of the service carries its words and leaves no open record", async () => {
    const desk = await settledDesk();
    desk.service.failures.set("POST /api/pool", {
      status: 400,
      body: JSON.stringify({
        message: "Pool default is undergoing maintenance.",
        error_code: "USAGE",
        workflow_id: null,
      }),
    });
    const connection = desk.connect(agreeing());
    const refusal = await refusalOf(() => submit(connection, good));
    expect(refusal.code).toBe("osmo.rejected");
    expect(refusal.facts.message).toBe("Pool default is undergoing maintenance.");
    desk.service.failures.clear();
    expect((await submit(connection, good)).outcome).toBe("submitted");
  });

  it("a credential with another key name is told with the service's words", async () => {
    const desk = await settledDesk();
    desk.service.credentials.set("hf-token", { key: "hf_secretsecret" });
    const refusal = await refusalOf(() => submit(desk.connect(agreeing()), good));
    expect(refusal.facts.message).toContain("token is not a valid credential key");
    expect(JSON.stringify(refusal.facts)).not.toContain("hf_secretsecret");
  });

  it("a request that the pool cannot hold is told with the service's words", async () => {
    const desk = await settledDesk();
    const message = "Resource validation failed for task: image-edit\nValue 64Gi too high for memory";
    const body = JSON.stringify({ message, error_code: "RESOURCE", workflow_id: null });
    desk.service.failures.set("POST /api/pool", { status: 400, body });
    const refusal = await refusalOf(() => submit(desk.connect(agreeing()), good));
    expect([refusal.code, refusal.facts.message]).toEqual(["osmo.no-capacity", expect.stringContaining("too high")]);
  });

  it("a name whose outputs exist is refused before anything is sent, and the next call has another", async () => {
    const desk = await settledDesk();
    const connection = desk.connect(agreeing());
    const { ids } = connection.call.deps;
    let next = "00c0ffee";
    const fixed = {
      ...connection,
      call: { ...connection.call, deps: { ...connection.call.deps, ids: { hex: () => next } } },
    };
    await desk.store("runs/good_image_gen-00c0ffee/augment");
    const refusal = await refusalOf(() => submit(fixed, good));
    expect([refusal.code, refusal.facts.name]).toEqual(["osmo.name-used", "good_image_gen-00c0ffee"]);
    expect(desk.service.workflows.size).toBe(0);
    next = ids.hex(8);
    expect((await submit(fixed, good)).outcome).toBe("submitted");
  });

  it("a value with equals signs and quotes reaches the workflow whole", async () => {
    const desk = await settledDesk();
    const equals = `${root}/run=a=b`;
    await desk.store(...allArtifacts.map((key) => `run=a=b/${key}`));
    const pairs = '[["IC","bridge"],["passive_component","missing"]]';
    const knobs = { dig_url_root: equals, anomaly_types_json: pairs };
    const args = { flow: "texture_defect_generation_day0", knobs };
    const { workflow_id } = await submit(desk.connect(agreeing()), args);
    const tasks = parse(desk.service.workflows.get(workflow_id)?.spec ?? "").workflow.groups.flatMap(
      (group: { tasks: { name: string; outputs: { url: string }[]; environment: Record<string, string> }[] }) =>
        group.tasks,
    );
    const infer = tasks.find(({ name }: { name: string }) => name === "infer-all-defects");
    expect(infer.outputs[0].url.startsWith(`${equals}/runs/`)).toBe(true);
    expect(Object.values(infer.environment)).toContain(pairs);
  });

  it("a pool that is not accessible is refused with those that are", async () => {
    const desk = await settledDesk();
    const refusal = await refusalOf(() => submit(desk.connect(agreeing()), { ...good, pool: "secret" }));
    expect([refusal.code, refusal.facts.accessible]).toEqual(["osmo.no-pool", ["default"]]);
  });
});

describe("a submit that OSMO rejects after the yes", () => {
  it("keeps OSMO's words, so that its FAILED_SUBMISSION explains itself later", async () => {
    const desk = await settledDesk();
    const connection = desk.connect((question) => {
      desk.service.nodes = { "default/default": { cpu: "2", gpu: "8" } };
      return agreeing()(question);
    });
    const refusal = await refusalOf(() => submit(connection, good));
    expect([refusal.code, refusal.facts.message]).toEqual([
      "osmo.no-capacity",
      expect.stringContaining("too high for CPU"),
    ]);
    const seen = await use(osmoStatus, connection, { run: "good_image_gen-1" });
    expect(seen).toMatchObject({
      status: "FAILED_SUBMISSION",
      failure: { kind: "failed-submission", cause: expect.stringContaining("Value 4.0 too high for CPU") },
    });
  });
});
