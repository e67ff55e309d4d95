import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { changenetColumns } from "../../../server/data/changenet.ts";
import { readGapTable, writeGapTable } from "../../../server/data/gap-files.ts";
import { readParquet, writeParquet } from "../../../server/data/parquet.ts";
import { rca } from "../../../server/stages/rca.ts";
import { routing } from "../../../server/stages/routing.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";
import { kpiParts, put, runStage, type StageWorkspace, stageWorkspace } from "../../support/stage-workspace.ts";

const folder = temporaryFolders();
const scores = [0.05, 0.1, 0.3, 0.42, 0.6, 0.4, 0.9, 0.55];

async function inferred(home: StageWorkspace): Promise<string> {
  const path = join(home.runDir, "baseline", "inference", "latest", "inference.csv");
  const rows = kpiParts.map(([label, object], at) =>
    ["boards", "golden", label, object, ...Array<string>(10).fill(""), scores[at]].join(","),
  );
  await put(path, `${[...changenetColumns, "siamese_score"].join(",")}\n${rows.join("\n")}\n`);
  return path;
}

describe("rca", () => {
  it("ranks the weakest parts of each label and writes what gap analysis writes", async () => {
    const home = await stageWorkspace(await folder());
    const context = home.context("baseline", { baseline: { inference_csv: await inferred(home) } });
    const evidence = await runStage(rca, context);
    const dir = join(home.runDir, "baseline", "rca_results", "2026-01-01_000000");
    expect(evidence.summary).toBe(
      "RCA (VCN): threshold=0.3 recall=1.0; gaps=5 rows across 3 labels (5 weak parts, one row for each light)",
    );
    expect(evidence.patch).toMatchObject({ rca_gaps_parquet: join(dir, "kpi_gaps.parquet"), rca_threshold: 0.3 });
    const gaps = await readGapTable(join(dir, "kpi_gaps.parquet"));
    expect(gaps.map(({ filepath, label, weakness }) => [filepath, label, Number(weakness.toFixed(2))])).toEqual([
      [home.at("images", "boards", "k5_SolderLight.jpg"), "PASS", 0.3],
      [home.at("images", "boards", "k4_SolderLight.jpg"), "PASS", 0.12],
      [home.at("images", "boards", "k6_SolderLight.jpg"), "missing", -0.1],
      [home.at("images", "boards", "k8_SolderLight.jpg"), "shift", -0.25],
      [home.at("images", "boards", "k7_SolderLight.jpg"), "missing", -0.6],
    ]);
    expect(await readFile(join(dir, "threshold.txt"), "utf8")).toBe("0.3");
    expect(await readFile(join(dir, "vcn_aoi_spec.yaml"), "utf8")).toBe("min_recall: 1.0\ntop_k_per_label: 2\n");
    expect(await readFile(join(dir, "weak_samples_breakdown.txt"), "utf8")).toContain(
      "PASS: 2 (40.0%) — 2 misclassified",
    );
    expect(JSON.parse(await readFile(join(dir, "metrics.json"), "utf8")).recall).toBe(1);
  });

  it("lays the weakest parts out for a person, with a suspected cause of each and a column for what was seen", async () => {
    const home = await stageWorkspace(await folder());
    const context = home.context("baseline", { baseline: { inference_csv: await inferred(home) } });
    const { patch } = await runStage(rca, context);
    const dir = join(home.runDir, "baseline", "rca_results", "2026-01-01_000000");
    expect(patch).toMatchObject({
      rca_spot_check: join(dir, "spot_check.csv"),
      rca_suspected_causes: { mislabelled: 1 },
    });
    const [header, ...rows] = (await readFile(join(dir, "spot_check.csv"), "utf8")).trimEnd().split("\n");
    expect(header).toBe(
      "number,object_name,label,boardname,siamese_score,weakness,suspected_cause,seen_cause,test_image,golden_image",
    );
    expect(rows).toHaveLength(kpiParts.length);
    expect(rows[0]).toMatch(/^1,k5,PASS,,0.6,0.3,mislabelled,,rca_images\/01_test.jpg,/);
    const copy = await readFile(join(dir, "rca_images", "01_test.jpg"));
    expect(copy).toEqual(await readFile(home.at("images", "boards", "k5_SolderLight.jpg")));
  });

  it("names every lighting of a weak part", async () => {
    const home = await stageWorkspace(await folder(), { lightings: ["SolderLight", "WhiteLight"] });
    const context = home.context("baseline", { baseline: { inference_csv: await inferred(home) } });
    const evidence = await runStage(rca, context);
    expect(evidence.patch.ledger).toEqual({ weak_samples: 5, gap_images: 10 });
  });

  it("is refused when the gap images are not below the images root", async () => {
    const home = await stageWorkspace(await folder());
    const inference_csv = await inferred(home);
    home.config.images_dir = home.at("elsewhere");
    const refusal = await refusalOf(() => runStage(rca, home.context("baseline", { baseline: { inference_csv } })));
    expect(refusal.code).toBe("gate.missing-image");
  });
});

type Gaps = readonly string[];

async function route(home: StageWorkspace, labels: Gaps) {
  const rca_gaps_parquet = join(home.runDir, "baseline", "gaps.parquet");
  await put(join(home.runDir, "baseline", "note"), "");
  await writeGapTable(
    rca_gaps_parquet,
    labels.map((label, at) => ({ filepath: `/images/${at}.jpg`, label, siamese_score: 0.5, weakness: 0.1 })),
  );
  return await runStage(routing, home.context("iter1", { baseline: { rca_gaps_parquet } }));
}

describe("routing", () => {
  it("serves a label by mining, by generation, by both, or names it as dropped", async () => {
    const home = await stageWorkspace(await folder());
    const evidence = await route(home, ["PASS", "Missing", "bridge", "shift", "shift"]);
    const dir = join(home.runDir, "iter1", "routing_results", "2026-01-01_000000");
    const mining = await readGapTable(join(dir, "mining_gaps.parquet"));
    const anomalygen = await readGapTable(join(dir, "anomalygen_gaps.parquet"));
    expect(mining.map(({ label }) => label)).toEqual(["PASS", "Missing"]);
    expect(anomalygen.map(({ label }) => label)).toEqual(["PASS", "Missing", "bridge"]);
    expect(evidence.summary).toBe("Routing: mining=2 rows, anomalygen=3 rows; 1 labels dropped");
    expect(evidence.warnings).toEqual(["No module serves SHIFT (2 rows)."]);
    expect(evidence.patch.ledger).toEqual({ gap_rows: 5, routed_mining: 2, routed_anomalygen: 3, routed_dropped: 2 });
    expect(await readFile(join(dir, "routing_summary.txt"), "utf8")).toContain("  SHIFT: 2 (mining=no, anomalygen=no)");
  });

  it("writes both subsets with their columns when one is empty", async () => {
    const home = await stageWorkspace(await folder(), { change: (config) => (config.anomalygen.num_SDG = 0) });
    const evidence = await route(home, ["missing"]);
    const { columns, rows } = await readParquet(evidence.patch.routing_anomalygen_parquet ?? "");
    expect(columns).toEqual(["filepath", "label", "siamese_score", "weakness"]);
    expect(rows).toEqual([]);
  });

  it.each<unknown>(["1,5", true, { valueOf: 1 }])(
    "is refused where a gap's figure is %j, which is no number",
    async (found) => {
      const path = join(await folder(), "kpi_gaps.parquet");
      const column = (name: string, value: unknown) => ({ name, type: "json" as const, values: [value] });
      await writeParquet(path, [column("filepath", "a.jpg"), column("label", "PASS"), column("siamese_score", found)]);
      const { code, facts } = await refusalOf(() => readGapTable(path));
      expect([code, facts.column]).toEqual(["input.bad-parquet", "siamese_score"]);
    },
  );

  it("is refused with the dropped labels when nothing can be served", async () => {
    const home = await stageWorkspace(await folder());
    const refusal = await refusalOf(() => route(home, ["shift", "polarity", "shift"]));
    expect(refusal.code).toBe("gate.empty-routing");
    expect(refusal.facts.dropped_labels).toEqual([
      { label: "SHIFT", count: 2 },
      { label: "POLARITY", count: 1 },
    ]);
  });

  it.each(["absent", "empty"])("is refused when the pool is %s", async (how) => {
    const home = await stageWorkspace(await folder());
    const pool = home.at("augmentation", "pool.csv");
    if (how === "empty") await put(pool, `${changenetColumns.join(",")}\n`);
    home.config.mining_pool_csv = pool;
    expect((await refusalOf(() => route(home, ["missing"]))).code).toBe("gate.empty-pool");
  });

  it("routes to generation alone in a run that was declared synthetic", async () => {
    const home = await stageWorkspace(await folder(), { change: (config) => (config.synthetic_only = true) });
    const evidence = await route(home, ["missing"]);
    expect(evidence.summary).toBe("Routing: mining=0 rows, anomalygen=1 rows; 0 labels dropped");
  });

  it("is refused when the iteration before recorded no gaps", async () => {
    const home = await stageWorkspace(await folder());
    const refusal = await refusalOf(() => runStage(routing, home.context("iter2", { iter1: {} })));
    expect(refusal.code).toBe("stage.evidence-missing");
  });
});
