import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Trick } from "../scene.ts";

const canary = "canary-3f9d1c77aa02";
const token = "hf_CanaryCanaryCanary";

async function everythingUnder(folder: string): Promise<string> {
  const texts: string[] = [];
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if ((await stat(path)).isFile()) texts.push(await readFile(path, "latin1"));
  }
  return texts.join("\n");
}

/** Secrets of the environment and in what jobs print: no byte of them is written or sent. */
export function secretTricks(trick: Trick): void {
  for (const [where, exit_code] of [
    ["in the log of a job that fails", 1],
    ["in the log of a job that ends well", 0],
  ] as const) {
    trick(`a secret ${where}`, "iter1-data_merge", "nowhere", async (scene) => {
      const env = { NGC_KEY: canary, HF_TOKEN: token, DB_PASSWORD: `${canary}-two` };
      const one = await scene.client({
        env,
        stand: async (spec, run) => {
          const exit = await run();
          const log = await readFile(spec.log_path, "utf8");
          await writeFile(
            spec.log_path,
            `login ${canary}\nAuthorization: Bearer ${token}\n${log}\nkey=${canary}-two\n`,
          );
          return { ...exit, exit_code };
        },
      });
      const said = [await one.call("run_stage", { run: scene.runDir }), await one.call("loop_status")];
      said.push(await one.call("render_report", { run: scene.runDir }));
      const all = [...said.map(({ text }) => text), ...one.logged, await everythingUnder(scene.runDir)].join("\n");
      return all.includes(canary) || all.includes(token) ? "somewhere" : "nowhere";
    });
  }

  trick("a secret in the human's own words", "planned", "nowhere", async (scene) => {
    const one = await scene.client({ env: { NGC_KEY: canary } });
    const planned = await one.call("preflight", { ...scene.loop.request });
    const args = { plan_id: scene.loop.planId, words: `yes, log in with ${canary} or ${token}` };
    const said = [planned, await one.call("approve_plan", args), await one.call("loop_status")].map(({ text }) => text);
    said.push((await one.call("render_report")).text);
    const kept = await Promise.all([scene.at(), join(scene.loop.home, "state")].map(everythingUnder));
    const all = [...said, ...kept, ...one.logged].join("\n");
    if (!all.includes("log in with [redacted]")) return "the words were not kept at all";
    return all.includes(canary) || all.includes(token) ? "somewhere" : "nowhere";
  });

  trick("a secret given as words", "planned", "nowhere", async (scene) => {
    const one = await scene.client({ env: { NGC_KEY: canary } });
    const answer = await one.call("approve_plan", { plan_id: canary, words: canary });
    return answer.text.includes(canary) ? "somewhere" : "nowhere";
  });
}
