import { readFileSync, writeFileSync } from "node:fs";
import { edit, outcomeOf, type Trick } from "../scene.ts";

/** Ways to have an edit accepted that no human saw, or that none may accept. */
export function acceptanceTricks(trick: Trick): void {
  trick("accepting one's own edit", "iter1-train", "approval.words-missing", async (scene) => {
    await edit(scene.in("deft_state.json"), (text) => text.replace('"max_iterations": 2', '"max_iterations": 7'));
    return outcomeOf(await (await scene.client()).call("acknowledge_stop", { run: scene.runDir, resolve: "accept" }));
  });

  const moved = "approval.unchangeable";
  for (const [what, change] of [
    ["a softer target", (text: string) => text.replaceAll('"target": 0.001', '"target": 99')],
    [
      "a dropped constraint",
      (text: string) => text.replaceAll(/"constraints": \[\s*\{[^}]*\}\s*\]/g, '"constraints": []'),
    ],
    [
      "an evaluator that lies",
      (text: string) => text.replaceAll('"type": "builtin"', '"type": "command", "path": "/bin/true", "args": []'),
    ],
  ] as const) {
    trick(`${what} put into the contract, and a human who says yes`, "iter1-train", moved, async (scene) => {
      await edit(scene.in("deft_state.json"), change);
      const one = await scene.client({ human: () => ({ action: "accept", content: { approve: true } }) });
      return outcomeOf(await one.call("acknowledge_stop", { run: scene.runDir }));
    });
  }

  trick("another edit while the human answers about the first", "iter1-train", "state.lock-lost", async (scene) => {
    const path = scene.in("deft_state.json");
    await edit(path, (text) => text.replace('"num_epochs": 2', '"num_epochs": 3'));
    const human = () => {
      writeFileSync(path, readFileSync(path, "utf8").replace('"seed": 1', '"seed": 7'));
      return { action: "accept", content: { approve: true } } as const;
    };
    return outcomeOf(await (await scene.client({ human })).call("acknowledge_stop", { run: scene.runDir }));
  });

  trick("a yes to one edit relayed for the next", "iter1-train", "approval.required", async (scene) => {
    const path = scene.in("deft_state.json");
    const one = await scene.client();
    await edit(path, (text) => text.replace('"num_epochs": 2', '"num_epochs": 3'));
    await one.result("loop_status", { run: scene.runDir });
    await edit(path, (text) => text.replace('"num_epochs": 3', '"num_epochs": 1'));
    return outcomeOf(await one.call("acknowledge_stop", { run: scene.runDir, words: "yes, that is fine" }));
  });
}
