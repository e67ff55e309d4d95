import { access, mkdir, readdir, rename, symlink } from "node:fs/promises";
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
    trick(what, "planned", outside, async (scene) => {
      const key = "resume_training_checkpoint_path: ";
      await edit(scene.at("specs", "baseline_spec.yaml"), (text) => text.replace(`${key}null`, () => `${key}${value}`));
      return await scene.preflight();
    });
  }

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
