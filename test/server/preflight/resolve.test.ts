import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { generateWorkspace } from "../../../engine/workspace/generate.ts";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import { runConfigSchema } from "../../../server/run/state.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";
import { boardsIn, completeRequest, depsIn, generatorIn, kpiTarget, put, standIn } from "./support/boards.ts";

const folder = temporaryFolders();

describe("resolving a plan", () => {
  it("gives a plan and a config for a complete workspace", async () => {
    const root = await boardsIn(await folder());
    const { plan, config, checks, question } = await resolvePlan(completeRequest, depsIn(root));
    expect(checks.filter((check) => check.outcome === "halt")).toEqual([]);
    expect(question).toBeUndefined();
    expect(plan?.plan_id).toMatch(/^[0-9a-f]{12}$/);
    expect(plan?.parameters.num_epochs).toEqual({ value: 4, source: "spec" });
    expect(plan?.parameters.num_sdg).toEqual({ value: 20, source: "default" });
    expect(plan?.parameters.max_iterations).toEqual({ value: 2, source: "user" });
    expect(runConfigSchema.parse(config).anomalygen.supported_labels).toEqual(["PASS", "BRIDGE"]);
    expect(config).toMatchObject({ images_dir: join(root, "images"), engine: "embedded stand-in 1.0", num_epochs: 4 });
  });

  it("shows every setting of the plan in the summary", async () => {
    const root = await boardsIn(await folder());
    const { plan, summary_markdown } = await resolvePlan(completeRequest, depsIn(root));
    const [, table = ""] = summary_markdown.split("## Run");
    const rows = table.split("\n## ")[0]?.match(/\| (user|spec|default) \|/g) ?? [];
    expect(rows.length).toBe(Object.keys(plan?.parameters ?? {}).length + 1);
    expect(summary_markdown).toContain("AutoML | off (this workflow only)");
    expect(summary_markdown).toContain("not guaranteed");
    expect(summary_markdown).toContain("mcp__deft__*");
  });

  it("stops a plan whose KPI set cannot show the target at the asked confidence, and says how many rows can", async () => {
    const root = await boardsIn(await folder());
    const request = { ...completeRequest, kpi_confidence: "95%" } as const;
    const { plan, checks } = await resolvePlan(request, depsIn(root));
    expect(plan).toBeUndefined();
    expect(checks.find(({ id }) => id === "kpi_size")).toMatchObject({
      outcome: "halt",
      code: "metric.unreachable",
      fix: expect.stringContaining("Add 57 PASS rows or more"),
      facts: { pass_rows: 2, needed: { pass_rows: 59, confidence_pct: 95 } },
    });
  });

  it("holds the bound against the target only when asked to, in the contract that a human approves", async () => {
    const root = await boardsIn(await folder());
    const loose = { ...completeRequest, kpi_target: "FAR < 99% at recall=100%" };
    const plain = await resolvePlan(loose, depsIn(root));
    const point = await resolvePlan({ ...loose, kpi_confidence: "point" }, depsIn(root));
    expect(point.plan?.plan_id).toBe(plain.plan?.plan_id);
    const bound = await resolvePlan({ ...loose, kpi_confidence: "90%" }, depsIn(root));
    expect(bound.plan?.metric_contract.confidence_pct).toBe(90);
    expect(bound.plan?.plan_id).not.toBe(plain.plan?.plan_id);
    expect(bound.summary_markdown).toContain("the upper bound of FAR at 90% confidence");
    expect(plain.summary_markdown).toContain("kpi_confidence=point");
  });

  it("accepts a generated workspace as it is", async () => {
    const root = join(await folder(), "generated");
    await generateWorkspace(root, { seed: 3, size: "tiny" });
    const { plan, warnings } = await resolvePlan({ ...completeRequest, workspace: root }, depsIn(root));
    expect(plan?.inputs.kpi_csv?.rows).toBe(60);
    expect(warnings).toEqual([expect.stringContaining("The KPI set is small for its target")]);
  });

  it("says what it looks at and ends in the midst of it when nobody waits any more", async () => {
    const root = await boardsIn(await folder());
    const waiting = new AbortController();
    const seen: string[] = [];
    const progress = (title: string) => {
      seen.push(title);
      if (title.startsWith("Leakage (")) waiting.abort(new Error("the client went away"));
    };
    const plan = resolvePlan(completeRequest, depsIn(root), { signal: waiting.signal, progress });
    await expect(plan).rejects.toThrow("the client went away");
    expect(seen.at(-1)).toMatch(/^Leakage \(/);
    expect(seen.filter((one) => one.startsWith("Validation CSV (")).at(-1)).toMatch(/: (\d+) of \1 /);
  });

  it("looks at everything in the published order", async () => {
    const root = await boardsIn(await folder());
    const { checks } = await resolvePlan(completeRequest, depsIn(root));
    expect(checks.map((check) => `${check.id} ${check.outcome}`)).toMatchInlineSnapshot(`
[
  "workspace ok",
  "platform ok",
  "network_mode not_applicable",
  "spec ok",
  "unfinished_runs ok",
  "images_root ok",
  "training_csv ok",
  "validation_csv ok",
  "kpi_csv ok",
  "kpi_size ok",
  "ruler ok",
  "mining_pool ok",
  "generator_assets ok",
  "credentials not_applicable",
  "path_rule ok",
  "spec_keys ok",
  "images_local not_applicable",
  "gpus not_applicable",
  "backbone not_applicable",
  "leakage ok",
  "generator_leakage ok",
  "near_copies ok",
  "boards ok",
  "required ok",
]
`);
  });

  it("asks for target, iterations and platform in one question", async () => {
    const root = await boardsIn(await folder());
    const { plan, question } = await resolvePlan({}, depsIn(root));
    expect(plan).toBeUndefined();
    expect(question?.missing.map((one) => one.field)).toEqual(["platform", "kpi_target", "max_iterations"]);
    expect(question?.missing[0]?.choices).toEqual(["embedded"]);
    expect(question?.text.split("\n")).toHaveLength(3);
  });

  it("turns a time limit into iterations that the human has to confirm", async () => {
    const root = await boardsIn(await folder());
    const request = { kpi_target: kpiTarget, platform: "embedded", time_limit_minutes: 0.1 } as const;
    const { plan, question } = await resolvePlan(request, depsIn(root));
    expect(plan).toBeUndefined();
    expect(question?.missing).toHaveLength(1);
    expect(question?.missing[0]).toMatchObject({ field: "max_iterations", choices: [expect.stringMatching(/^\d+$/)] });
  });

  it("stops at a platform that is not there and says so in the question", async () => {
    const root = await boardsIn(await folder());
    const deps = { ...depsIn(root), executors: { docker: async () => standIn("docker", false) } };
    const asked = await resolvePlan({}, deps);
    expect(asked.question?.missing[0]?.ask).toContain("docker (not available: the daemon does not answer)");
    const { plan, checks } = await resolvePlan({ ...completeRequest, platform: "docker" }, deps);
    expect(plan).toBeUndefined();
    expect(checks.find((check) => check.id === "platform")).toMatchObject({
      outcome: "halt",
      code: "executor.unavailable",
    });
  });

  it("names what else the user's skill bank could run on, without offering it", async () => {
    const root = await boardsIn(await folder());
    for (const name of ["tao-run-on-brev", "tao-run-on-slurm", "tao-data-io"]) {
      await put(join(root, "bank/skills/platform", name, "SKILL.md"), "");
    }
    const { question } = await resolvePlan({}, depsIn(root, { TAO_SKILL_BANK_PATH: join(root, "bank") }));
    expect(question?.missing[0]?.ask).toContain("also knows brev; this server does not run on them");
    expect(question?.missing[0]?.choices).toEqual(["embedded"]);
  });

  it("asks which generator project to use when there are several", async () => {
    const root = await boardsIn(await folder());
    await generatorIn(root, "other");
    const { question } = await resolvePlan(completeRequest, depsIn(root));
    expect(question?.missing).toEqual([
      { field: "project", ask: "Which generator project: boards, other?", choices: ["boards", "other"] },
    ]);
    const { plan } = await resolvePlan({ ...completeRequest, project: "other" }, depsIn(root));
    expect(plan?.inputs.generator?.project).toBe("other");
  });

  it("lets a synthetic-only run do without a pool, and any other not", async () => {
    const root = await boardsIn(await folder());
    await rm(join(root, "augmentation/mining_pool"), { recursive: true });
    const { checks } = await resolvePlan(completeRequest, depsIn(root));
    expect(checks.find((check) => check.id === "mining_pool")).toMatchObject({
      outcome: "halt",
      code: "gate.empty-pool",
    });
    const { plan, config } = await resolvePlan({ ...completeRequest, synthetic_only: true }, depsIn(root));
    expect(plan).toBeDefined();
    expect(config?.mining_pool_csv).toBeUndefined();
  });

  it("refuses a target without its percent sign, with examples", async () => {
    const root = await boardsIn(await folder());
    const refusal = await refusalOf(() => resolvePlan({ ...completeRequest, kpi_target: "FAR < 0.1" }, depsIn(root)));
    expect(refusal.code).toBe("metric.unparsable-target");
    expect(refusal.facts.examples).toBeDefined();
  });

  it("reports every broken input at once", async () => {
    const root = await boardsIn(await folder());
    await writeFile(join(root, "train/base/training_set.csv"), "input_path,label\na,PASS\n");
    await rm(join(root, "kpi/testing_set.csv"));
    const { checks } = await resolvePlan(completeRequest, depsIn(root));
    const halts = checks.filter((check) => check.outcome === "halt").map((check) => `${check.id} ${check.code}`);
    expect(halts).toEqual(["training_csv gate.schema", "kpi_csv input.unreadable-file"]);
  });
});
