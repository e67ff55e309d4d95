import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { auditRun } from "../../../server/loop/proof/audit.ts";
import type { JobSpec } from "../../../server/run/job.ts";
import type { Stand } from "../../support/engine-here.ts";
import { edit, linesOf, outcomeOf, type Scene, type Trick } from "../scene.ts";

const notReproduced = "metric.not-reproduced";

/** Runs every job; after the one that scores, while nobody watches, changes what it left. */
const whileTheRunnerSleeps =
  (change: (csv: string) => Promise<void>, isMeant: (spec: JobSpec) => boolean = (spec) => !spec.afresh): Stand =>
  async (spec, run) => {
    const exit = await run();
    if (spec.argv.includes("inference") && isMeant(spec)) await change(join(spec.workdir, "inference.csv"));
    return exit;
  };

/** Gives every row that a labelled PASS has the lowest score there is, and every other the highest. */
async function perfect(csv: string): Promise<void> {
  const [header = "", ...rows] = await linesOf(csv);
  const names = header.split(",");
  const [label, score] = [names.indexOf("label"), names.indexOf("siamese_score")];
  const better = rows.map((row, at) => {
    const cells = row.split(",");
    cells[score] = String((cells[label] === "PASS" ? 0.01 : 0.9) + at / 1e5);
    return cells.join(",");
  });
  await writeFile(csv, `${[header, ...better].join("\n")}\n`);
}

async function finish(scene: Scene, stand?: Stand): Promise<string> {
  const one = await scene.client(stand === undefined ? {} : { stand });
  return outcomeOf(await one.call("finish_loop", { run: scene.runDir }));
}

async function audited(scene: Scene): Promise<string> {
  const { findings, proof } = await auditRun(scene.runDir, undefined, scene.loop.deps());
  return findings.length === 0 ? proof.level : findings.map(({ what }) => what).join("; ");
}

/** Ways to a figure that checkpoint and images do not give. */
export function figureTricks(trick: Trick): void {
  trick("rewriting inference.csv while the runner is stopped", "baseline-train", notReproduced, async (scene) => {
    const passed = await scene.runStage(whileTheRunnerSleeps(perfect));
    return passed === "passed" ? await finish(scene) : passed;
  });

  trick("rewriting one score of inference.csv", "baseline-train", notReproduced, async (scene) => {
    const one = (csv: string) => edit(csv, (text) => text.replace(/0\.\d+(?=\n$)/, "0.5"));
    const passed = await scene.runStage(whileTheRunnerSleeps(one));
    return passed === "passed" ? await finish(scene) : passed;
  });

  trick("an audit of a rewritten inference.csv", "baseline-train", /scores are not those/, async (scene) => {
    await scene.runStage(whileTheRunnerSleeps(perfect));
    return await audited(scene);
  });

  trick("an audit of a figure that is true", "baseline-evaluate", "reproduced", audited);

  trick("claiming a target that is met and reproduced is no alarm", "baseline-evaluate", "passed", async (scene) => {
    const ended = await finish(scene);
    const state = JSON.parse(await readFile(scene.in("deft_state.json"), "utf8"));
    return state.score_proof?.level === "reproduced" ? ended : "the claim is not proved";
  });

  trick("letting the second scoring fail", "baseline-evaluate", notReproduced, (scene) =>
    finish(scene, async (spec, run) => (spec.afresh ? { outcome: "exited", exit_code: 1 } : run())),
  );

  trick("removing what the second scoring left", "baseline-evaluate", notReproduced, async (scene) => {
    const stand = whileTheRunnerSleeps(
      (csv) => rm(csv),
      (spec) => spec.afresh === true,
    );
    return await finish(scene, stand);
  });

  trick("scores of one value", "baseline-train", /take one and the same value/, async (scene) => {
    const flat = (csv: string) => edit(csv, (text) => text.replace(/0\.\d+(?=\r?\n)/g, "0.5"));
    const one = await scene.client({ stand: whileTheRunnerSleeps(flat) });
    const answer = await one.call("run_stage", { run: scene.runDir });
    return answer.ok ? String(answer.result.warnings) : answer.code;
  });

  trick("files planted in the caches of run and workspace", "baseline-train", "the same figure", async (scene) => {
    for (const folder of [scene.in(".cache"), scene.at(".cache"), scene.in("baseline", ".cache")]) {
      await mkdir(join(folder, "features"), { recursive: true });
      for (const name of ["features.json", "sketches.json", "features/pair.bin"]) {
        await writeFile(join(folder, name), '{"entries":{},"scores":[0]}');
      }
    }
    const passed = await scene.runStage();
    if (passed !== "passed") return passed;
    const { iterations } = JSON.parse(await readFile(scene.in("deft_state.json"), "utf8"));
    await scene.loop.backTo("baseline-evaluate");
    const honest = JSON.parse(await readFile(scene.in("deft_state.json"), "utf8"));
    return iterations.baseline.far_pct === honest.iterations.baseline.far_pct ? "the same figure" : "another figure";
  });

  trick("a KPI image in training behind a planted sketch cache", "planned", "gate.train-kpi-leakage", async (scene) => {
    await mkdir(scene.at(".cache"), { recursive: true });
    await writeFile(scene.at(".cache", "sketches.json"), "{}");
    const [, row] = await linesOf(scene.at("kpi", "testing_set.csv"));
    await edit(scene.at("train", "base", "training_set.csv"), (text) => `${text.trimEnd()}\n${row}\n`);
    return await scene.preflight();
  });

  trick("relabelling false alarms between two runs", "baseline-evaluate", /[23] labels changed/, async (scene) => {
    let left = 3;
    await edit(scene.at("kpi", "testing_set.csv"), (text) =>
      text.replaceAll(",PASS,", (cell) => (left-- > 0 ? ",bridge," : cell)),
    );
    return (await (await scene.client()).call("preflight", { ...scene.loop.request })).text;
  });

  trick("a KPI set of one PASS and one defect", "planned", /too few|small for its target/, async (scene) => {
    await edit(scene.at("kpi", "testing_set.csv"), (text) => {
      const [header, ...rows] = text.trimEnd().split("\n");
      const pass = rows.find((row) => row.includes(",PASS,"));
      const defect = rows.find((row) => !row.includes(",PASS,"));
      return `${[header, pass, defect].join("\n")}\n`;
    });
    return (await (await scene.client()).call("preflight", { ...scene.loop.request })).text;
  });
}
