import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { run } from "../../../server/cli/osmo.ts";
import { remember } from "../../../server/osmo/preferences.ts";
import { allArtifacts, type Desk, osmoDesks, root } from "../../support/osmo-desk.ts";

const open = osmoDesks();

async function command(desk: Desk, ...argv: string[]) {
  const text = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => new PassThrough().on("data", (piece) => (text[name] += piece));
  const io = { stdout: stream("stdout"), stderr: stream("stderr"), env: desk.env, cwd: desk.home, isTty: false };
  return { code: await run(argv, io), ...text };
}

async function readyDesk(): Promise<Desk> {
  const desk = await open();
  await desk.store(...allArtifacts);
  desk.service.credentials.set("hf-token", { token: "hf_secretsecret" });
  await remember(desk.env, { dig_url_root: root, pool: "default" });
  return desk;
}

describe("deft-mcp osmo", () => {
  it("plans for people and as JSON, and prints the spec", async () => {
    const desk = await open();
    const text = await command(desk, "plan", "good_image_generation", "--set", "crop_max_emit=3");
    expect(text.code).toBe(0);
    for (const section of [
      "preflights:",
      "required_url_artifacts:",
      "submit_command:",
      "monitoring:",
      "output_location:",
    ]) {
      expect(text.stdout).toContain(section);
    }
    const json = JSON.parse((await command(desk, "plan", "good_image_generation", "--json")).stdout);
    expect(json).toMatchObject({ outcome: "planned", cost: { gpus_at_once: 1, gpu_hours_limit: 8 } });
    const spec = parse((await command(desk, "spec", "finetune", "--usecase", "glass")).stdout);
    expect(spec.workflow.groups[0].tasks[0].environment.USECASE).toBe("glass");
  });

  it("lists the flows a line each, and shows the five sections in their order", async () => {
    const desk = await open();
    const listed = (await command(desk, "flows")).stdout;
    expect(listed).toContain("good_image_generation (pcb): Clean crops of rendered boards\n");
    const { stdout } = await command(desk, "plan", "good_image_generation");
    const keys = stdout.split("\n").flatMap((line) => /^([a-z_]+):/.exec(line)?.[1] ?? []);
    const order = ["preflights", "required_url_artifacts", "submit_command", "monitoring", "output_location"];
    expect(keys.filter((key) => order.includes(key))).toEqual(order);
    expect(keys).not.toContain("notes");
    const refused = await command(desk, "plan", "texture");
    expect(refused.stderr).toContain("There is no flow texture.");
  });

  it("without a terminal a submit waits for a person; preauthorised it goes through and is watched to its end", async () => {
    const desk = await readyDesk();
    const refused = await command(desk, "submit", "good_image_generation", "--json");
    expect([refused.code, JSON.parse(refused.stdout).error.code]).toEqual([2, "osmo.approval-required"]);
    desk.env.DEFT_OSMO_APPROVE = "finetune, good_image_generation";
    desk.service.timeline = [
      { status: "PENDING" },
      { status: "RUNNING" },
      { status: "RUNNING" },
      { status: "COMPLETED" },
    ];
    expect((await command(desk, "submit", "good_image_generation")).code).toBe(0);
    const watched = await command(desk, "watch", "--every", "1", "--json");
    const lines = watched.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).status);
    expect([watched.code, lines]).toEqual([0, ["PENDING", "RUNNING", "COMPLETED"]]);
    const kept = join(desk.home, "state", "deft-mcp", "osmo", "watch", "good_image_gen-1.json");
    expect(JSON.parse(await readFile(kept, "utf8"))).toMatchObject({ status: "COMPLETED", terminal: true });
  });

  it("a watched failure exits 1 and says why", async () => {
    const desk = await readyDesk();
    desk.env.DEFT_OSMO_APPROVE = "good_image_generation";
    desk.service.timeline = [{ status: "FAILED_EVICTED", tasks: { "image-edit": { status: "FAILED_EVICTED" } } }];
    await command(desk, "submit", "good_image_generation");
    const watched = await command(desk, "watch", "good_image_gen-1");
    expect(watched.code).toBe(1);
    expect(watched.stdout).toContain("evicted or ran out of memory");
  });

  it.each([
    [["plan", "no_such_flow"], "input.invalid"],
    [["plan", "good_image_generation", "--set", "crop_max_emit"], "input.invalid"],
    [["plan", "good_image_generation", "--set", "a=b"], "osmo.unknown-knob"],
    [["outputs", "--samples", "3"], "input.invalid"],
    [["preferences", "--set", "token=x"], "osmo.bad-preference"],
    [["dance"], "input.unknown-field"],
  ])("%j is refused", async (argv, code) => {
    const refused = await command(await open(), ...argv, "--json");
    expect([refused.code, JSON.parse(refused.stdout).error.code]).toEqual([2, code]);
  });
});
