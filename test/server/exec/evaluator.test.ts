import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { readMeasurement, runEvaluator } from "../../../server/exec/evaluator.ts";
import { parseMetricTarget } from "../../../server/kpi/metric-contract.ts";
import { artifactPath, parseMeasurement } from "../../../server/kpi/metric-result.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const folder = temporaryFolders();
const secretNames = ["HF_TOKEN", "NGC_KEY", "NGC_API_KEY", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "EVALUATOR_TOKEN"];
const good = { name: "escape_cost", value: 0.01, unit: "cost/board", constraints: {}, passed: false };

async function evaluatorThat(body: string) {
  const directory = await folder();
  const path = join(directory, "evaluate");
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  const evaluator = { type: "command" as const, path, args: ["--board", "a b;$(x)"] };
  const contract = parseMetricTarget("escape cost <= 0.02 cost/board", evaluator);
  const paths = { inferenceCsv: join(directory, "inference.csv"), outputJson: join(directory, "result.json") };
  return { contract, paths, run: (env?: NodeJS.ProcessEnv) => runEvaluator(contract, evaluator, paths, env) };
}

describe("a metric's own evaluator", () => {
  it("is called with its arguments and both paths, without a shell, and its verdict is ignored", async () => {
    const { run, paths } = await evaluatorThat(
      `[ "$#" = 6 ] && [ "$2" = 'a b;$(x)' ] && [ "$3 $5" = '--inference-csv --output-json' ] || exit 3\n` +
        `printf '%s' '${JSON.stringify(good)}' > "$6"`,
    );
    const { passed: _, ...measured } = good;
    expect(await run()).toEqual({ ...measured, evidence_path: paths.outputJson });
  });

  it.each([
    ["exits with an error", "echo broken >&2; exit 4", "metric.evaluator-failed"],
    ["writes nothing", "exit 0", "input.unreadable-file"],
    ["writes no JSON", 'echo x > "$6"', "input.bad-json"],
    ["writes another metric", `echo '{"name":"x","value":1,"unit":""}' > "$6"`, "metric.bad-result"],
  ])("is refused when it %s", async (_, body, code) => {
    const { run, paths } = await evaluatorThat(body);
    await writeFile(paths.outputJson, JSON.stringify(good));
    expect((await refusalOf(run)).code).toBe(code);
  });

  it("gets what a program needs to start, and no secret of the server, in environment or arguments", async () => {
    const { run, paths } = await evaluatorThat(
      `env -0 > "$6.env"; tr '\\0' ' ' < /proc/$$/cmdline > "$6.argv"; printf '%s' '${JSON.stringify(good)}' > "$6"`,
    );
    const secrets = Object.fromEntries(secretNames.map((name) => [name, `canary-${name}`]));
    const needed = { PATH: process.env.PATH, HOME: "/home/ann", LANG: "C.UTF-8", CUDA_VISIBLE_DEVICES: "1", TZ: "UTC" };
    await run({ ...needed, ...secrets, CUDA_TOKEN: "canary-cuda", DEFT_APPROVE_PLAN: "x", UNKNOWN: "y" });
    const given = (await readFile(`${paths.outputJson}.env`, "utf8")).split("\0").filter((line) => line !== "");
    const names = given.map((line) => line.slice(0, line.indexOf("=")));
    // The shell adds its own.
    expect(names.filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name)).sort()).toEqual(
      Object.keys(needed).sort(),
    );
    const all = `${given.join("\n")}\n${await readFile(`${paths.outputJson}.argv`, "utf8")}`;
    expect(all).not.toContain("canary");
    expect(all).toContain("--inference-csv");
  });

  it("that does not exist is refused", async () => {
    const { contract, paths } = await evaluatorThat("exit 0");
    const absent = { type: "command" as const, path: "/nonexistent/evaluate", args: [] };
    expect((await refusalOf(() => runEvaluator(contract, absent, paths))).code).toBe("metric.evaluator-failed");
  });
});

describe("a measurement in a file", () => {
  const contract = parseMetricTarget("FAR < 1% at recall=99%");
  const far = { name: "far_pct", value: 0.5, unit: "%", threshold: 0.3, constraints: { recall_pct: 99.2 } };

  it("carries value, threshold and constraints", () => {
    expect(parseMeasurement(contract, { ...far, passed: true, extra: 1 }, "f")).toEqual(far);
  });

  it.each([
    ["another unit", { ...far, unit: "" }, "unit"],
    ["a value in text", { ...far, value: "0.5" }, "value"],
    ["no value", { ...far, value: null }, "value"],
    ["an absent constraint", { ...far, constraints: {} }, "constraints.recall_pct"],
    ["no constraints", { ...far, constraints: undefined }, "constraints.recall_pct"],
    ["a threshold in text", { ...far, threshold: "low" }, "threshold"],
    ["a list", [far], "the result"],
  ])("with %s is refused", async (_, value, field) => {
    const refusal = await refusalOf(() => parseMeasurement(contract, value, "f"));
    expect([refusal.code, refusal.facts.field]).toEqual(["metric.bad-result", field]);
  });

  it("is read from the one path that the template gives for an iteration", async () => {
    const directory = await folder();
    const path = artifactPath(`${directory}/{iter_label}.json`, "iter2");
    await writeFile(path, JSON.stringify(far));
    expect(await readMeasurement(contract, path)).toEqual({ ...far, evidence_path: `${directory}/iter2.json` });
  });

  it.each(["rel/{iter_label}", "/a/b", "/{iter_label}/{iter_label}", "/{x}/{iter_label}"])(
    "the template %s is refused",
    async (template) => expect((await refusalOf(() => artifactPath(template, "iter1"))).code).toBe("metric.bad-result"),
  );
});
