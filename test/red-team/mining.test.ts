import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "@jest/globals";
import { writeParquet } from "../../server/data/parquet.ts";
import type { Stand } from "../support/engine-here.ts";
import { type TinyLoop, tinyLoop } from "../support/tiny-loop.ts";
import { linesOf, trickery } from "./scene.ts";

let loop: TinyLoop;

beforeAll(async () => {
  loop = await tinyLoop("iter1-anomalygen");
}, 600_000);

afterAll(() => loop?.remove());

const trick = trickery(() => loop, []);

/** Runs the real jobs of mining and, once the pool is embedded, changes what is there. */
const onceEmbedded =
  (change: (table: string) => Promise<unknown>): Stand =>
  async (spec, run) => {
    const exit = await run();
    const table = /^output_parquet=(.*source_embeddings\.parquet)$/.exec(spec.argv.at(-1) ?? "")?.[1];
    if (table !== undefined) await change(table);
    return exit;
  };

describe("mining by the default rule", () => {
  trick("embeddings without a row", "iter1-anomalygen", "stage.evidence-missing", (scene) =>
    scene.runStage(onceEmbedded((table) => writeParquet(table, [{ name: "filepath", type: "string", values: [] }]))),
  );

  trick("recording another job than the planned one", "iter1-anomalygen", "stage.evidence-missing", (scene) =>
    scene.runStage(
      onceEmbedded(async () => {
        const record = (await readdir(scene.in("jobs"))).find((name) => name.endsWith("-target_embeddings.json")) ?? "";
        const path = scene.in("jobs", record);
        await writeFile(path, (await readFile(path, "utf8")).replace("target_embeddings.log", "other.log"));
      }),
    ),
  );

  trick(
    "scores of the pool changed between their end and the commit",
    "iter1-anomalygen",
    "stage.evidence-missing",
    (scene) =>
      scene.runStage(async (spec, run) => {
        const exit = await run();
        if (spec.argv.includes("inference")) {
          const path = join(spec.workdir, "inference.csv");
          await writeFile(path, (await linesOf(path)).slice(0, 2).join("\n"));
        }
        return exit;
      }),
  );

  trick(
    "a pool image exchanged for a KPI image during mining",
    "iter1-anomalygen",
    "gate.train-kpi-leakage",
    async (scene) => {
      const [, kpi = ""] = await linesOf(scene.at("kpi", "testing_set.csv"));
      const [dir = "", , , name] = kpi.split(",");
      const from = scene.at("kpi", "images", dir, `${name}_SolderLight.jpg`);
      const pool = (await linesOf(scene.at("augmentation", "mining_pool", "mining_pool.csv"))).slice(1);
      return await scene.runStage(
        onceEmbedded(async () => {
          for (const line of pool) {
            const [input = "", , , object] = line.split(",");
            await copyFile(from, scene.at("augmentation", "mining_pool", input, `${object}_SolderLight.jpg`));
          }
        }),
      );
    },
  );
});
