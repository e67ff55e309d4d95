import { access, mkdir, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { edit, outcomeOf, type Trick } from "../scene.ts";

const outside = "gate.path-outside-workspace";
const answered = /^(gate\.path-outside-workspace|input\.(invalid|unreadable-file|no-run|no-workspace))$/;

/** Ways to read or write where nothing of ours lies. */
export function pathTricks(trick: Trick): void {
  trick("results behind a link", "planned", outside, async (scene) => {
    await mkdir(join(scene.loop.home, "elsewhere"), { recursive: true });
    await symlink(join(scene.loop.home, "elsewhere"), scene.at("results"));
    const one = await scene.client({ env: { DEFT_APPROVE_PLAN: scene.loop.planId } });
    const code = outcomeOf(await one.call("approve_plan", { plan_id: scene.loop.planId }));
    const left = await readdir(join(scene.loop.home, "elsewhere"));
    return left.length === 0 ? code : `left ${left.join()}`;
  });

  trick("an iteration's directory behind a link", "baseline-rca", outside, async (scene) => {
    const elsewhere = join(scene.loop.home, "elsewhere2");
    await mkdir(elsewhere, { recursive: true });
    await symlink(elsewhere, scene.in("iter1"));
    const code = await scene.runStage();
    const left = await readdir(elsewhere);
    return left.length === 0 ? code : `left ${left.join()}`;
  });

  trick("a stage's directory exchanged for a link while its job runs", "iter1-data_merge", outside, async (scene) => {
    const elsewhere = join(scene.loop.home, "elsewhere3");
    return await scene.runStage(async (spec, run) => {
      const exit = await run();
      await rename(spec.workdir, elsewhere);
      await symlink(elsewhere, spec.workdir);
      return exit;
    });
  });

  for (const [what, value] of [
    [".. in a spec", "/data/workspace/../../../etc/passwd"],
    ["an absolute path outside in a spec", "/etc/shadow"],
    ["a resolver in a spec", "${oc.env:HOME}/x"],
    ["another /results path in a spec", "/results/other"],
  ] as const) {
    trick(what, "planned", /^gate\.path-outside-workspace/, async (scene) => {
      const key = "resume_training_checkpoint_path: ";
      await edit(scene.at("specs", "baseline_spec.yaml"), (text) => text.replace(`${key}null`, () => `${key}${value}`));
      return await scene.preflight();
    });
  }

  trick("a link in a spec that leads outside", "planned", /^gate\.path-outside-workspace/, async (scene) => {
    await symlink("/etc", scene.at("specs", "elsewhere"));
    const key = "resume_training_checkpoint_path: ";
    const value = scene.at("specs", "elsewhere", "none.pth");
    await edit(scene.at("specs", "baseline_spec.yaml"), (text) => text.replace(`${key}null`, () => `${key}${value}`));
    return await scene.preflight();
  });

  for (const [what, spec] of [
    ["a spec outside the workspace", "/etc/passwd"],
    ["a spec that climbs out", "../../../../etc/passwd"],
    ["a NUL byte in a path", "specs/base\0line.yaml"],
    ["a tilde in a path", "~/spec.yaml"],
    ["a variable in a path", "${HOME}/spec.yaml"],
    ["a very long name", `specs/${"a".repeat(3000)}.yaml`],
    ["look-alike dots and slashes", "specs/‥／..／spec.yaml"],
    ["a device for a file", "/dev/zero"],
  ] as const) {
    trick(`${what} in an argument`, "planned", answered, async (scene) => await scene.preflight({ spec }));
  }

  const odd = [
    ...["a\0b", "~", "~/x", "~root/x", "${HOME}/x", "$HOME/x", "a".repeat(4000), `${"d/".repeat(1500)}x`],
    ...["\u2025\uff0f\u2025\uff0fetc", "caf\u00e9.csv", "cafe\u0301.csv", "SPECS/BASELINE_SPEC.YAML", "specs/.", ".."],
    ...["/dev/zero", "/proc/self/environ", "file:///etc/passwd", "C:\\x", " ", "\n", "-rf", "a\u202eb"],
  ];
  const fields: [string, string, Record<string, unknown>][] = [
    ...["spec", "training_csv", "validation_csv", "kpi_csv", "workspace", "run", "adopt_run", "baseline_ckpt"].map(
      (field): [string, string, Record<string, unknown>] => ["preflight", field, {}],
    ),
    ...["csv", "images_root", "validation_csv", "kpi_csv", "workspace"].map(
      (field): [string, string, Record<string, unknown>] => ["validate_csv", field, { csv: "kpi/testing_set.csv" }],
    ),
    ["loop_status", "run", {}],
    ["loop_status", "workspace", {}],
    ["run_stage", "run", {}],
    ["render_report", "run", {}],
    ["next_seq", "run", {}],
  ];
  for (const [tool, field, others] of fields) {
    trick(`odd names as ${field} of ${tool}`, "planned", "each answered", async ({ client, loop }) => {
      const one = await client();
      // Without a spec the images are not compared, which would cost seconds for each name.
      const base = tool === "preflight" ? { ...loop.request, spec: "specs/none.yaml" } : others;
      for (const value of odd) {
        const began = performance.now();
        const answer = await one.call(tool, { ...base, [field]: value });
        const code = answer.ok ? "ok" : answer.code;
        const leaked = answer.text.includes("root:x:0");
        if (code === "internal" || leaked || performance.now() - began > 20_000) {
          return `${JSON.stringify(value.slice(0, 20))}: ${answer.text.slice(0, 300)} ${one.logged.join()}`;
        }
      }
      return "each answered";
    });
  }

  trick("the run's directory moved out behind a link", "iter1-train", outside, async (scene) => {
    await rename(scene.runDir, join(scene.loop.home, "moved-run"));
    await symlink(join(scene.loop.home, "moved-run"), scene.runDir);
    const code = await scene.runStage();
    await rm(join(scene.loop.home, "moved-run"), { recursive: true });
    return code;
  });

  trick("the log moved out behind a link", "iter1-train", outside, async (scene) => {
    await rename(scene.in("loop_log.jsonl"), join(scene.loop.home, "moved.jsonl"));
    await symlink(join(scene.loop.home, "moved.jsonl"), scene.in("loop_log.jsonl"));
    const before = await readFile(join(scene.loop.home, "moved.jsonl"), "utf8");
    const code = await scene.runStage();
    return (await readFile(join(scene.loop.home, "moved.jsonl"), "utf8")) === before ? code : "written outside";
  });

  trick("a linked input that leads outside", "planned", outside, async (scene) => {
    await symlink("/etc/passwd", scene.at("specs", "linked.yaml"));
    return await scene.preflight({ spec: "specs/linked.yaml" });
  });

  trick("a loop of links", "planned", outside, async (scene) => {
    await symlink(scene.at("specs", "b"), scene.at("specs", "a"));
    await symlink(scene.at("specs", "a"), scene.at("specs", "b"));
    return await scene.preflight({ spec: "specs/a" });
  });

  trick("a CSV outside the workspace for validate_csv", "planned", answered, async (scene) => {
    return outcomeOf(await (await scene.client()).call("validate_csv", { csv: "/etc/passwd" }));
  });

  trick("a run named by a path that climbs", "iter1-train", "input.no-run", async (scene) => {
    return outcomeOf(await (await scene.client()).call("run_stage", { run: "../../../../etc" }));
  });

  trick("an image mount that leads outside", "planned", outside, async (scene) => {
    const kept = join(scene.loop.home, "outside-images");
    await rename(scene.at("kpi", "images"), kept).catch(async () => await access(kept));
    await symlink(kept, scene.at("kpi", "images"));
    return await scene.preflight();
  });
}
