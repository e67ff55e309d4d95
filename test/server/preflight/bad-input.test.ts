import { chmod, mkdir, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { boardsIn, completeRequest, csvOf, depsIn, image, put, rowsOf, specText, standIn } from "./support/boards.ts";

const folder = temporaryFolders();

/** The halting findings of a workspace after something was done to it, as `check code`. */
async function haltsAfter(spoil: (root: string) => Promise<unknown>, request = completeRequest): Promise<string[]> {
  const root = await boardsIn(await folder());
  await spoil(root);
  const { checks, plan } = await resolvePlan({ ...request, workspace: root }, depsIn(root));
  const halts = checks.filter((check) => check.outcome === "halt");
  expect(plan === undefined).toBe(halts.length > 0);
  for (const halt of halts) expect(halt.fix).toMatch(/^(?!.*acknowledge_stop).+\.$/);
  return halts.map((check) => `${check.id} ${check.code}`);
}

const training = "train/base/training_set.csv";
const csv = (text: string | Uint8Array) => (root: string) => writeFile(join(root, training), text);
const spec = (change: (text: string) => string) => (root: string) =>
  writeFile(join(root, "specs/baseline_spec.yaml"), change(specText));
const good = csvOf(rowsOf("train"));

describe("a bad training CSV", () => {
  it.each([
    ["absent", (root: string) => rm(join(root, training)), "input.unreadable-file"],
    [
      "a directory",
      (root: string) => rm(join(root, training)).then(() => mkdir(join(root, training))),
      "input.unreadable-file",
    ],
    ["empty", csv(""), "input.bad-csv"],
    ["without rows", csv("input_path,golden_path,label,object_name\n"), "gate.no-rows"],
    ["lacking a column", csv("input_path,golden_path,label\na,b,PASS\n"), "gate.schema"],
    ["in UTF-16", csv(Buffer.from(`\ufeff${good}`, "utf16le")), "input.bad-csv"],
    ["with semicolons", csv(good.replaceAll(",", ";")), "input.bad-csv"],
    ["with an empty label", csv(good.replace(",PASS,", ",,")), "gate.missing-value"],
    ["without a defect", csv(good.replaceAll("bridge", "PASS")), "input.bad-csv"],
    ["without a good part", csv(good.replaceAll("PASS", "open")), "input.bad-csv"],
    ["with fewer rows than a batch", csv(good.split("\n").slice(0, 2).join("\n")), "input.bad-csv"],
  ])("%s stops the plan", async (_, spoil, code) => {
    expect(await haltsAfter(spoil)).toEqual([`training_csv ${code}`]);
  });

  it.each([
    ["in the wrong case", good.replace(",PASS,", ",pass,")],
    ["with blanks around them", good.replace(",bridge,", ", Bridge ,")],
  ])("with labels %s is planned with a copy that spells them right, and says so", async (_, text) => {
    const root = await boardsIn(await folder());
    await writeFile(join(root, training), text);
    const { plan, warnings, summary_markdown } = await resolvePlan(completeRequest, depsIn(root));
    expect(plan?.inputs.training_csv).toMatchObject({ path: join(root, training), relabelled: 1 });
    expect(Object.keys(Object(plan?.inputs.training_csv?.labels))).toEqual(["PASS", "bridge"]);
    expect(warnings.join()).toContain("1 labels are neither PASS nor lower case (e.g. line ");
    expect(summary_markdown).toContain("copy in the run, 1 labels spelled right");
  });

  it.each([["a byte order mark", csv(`\ufeff${good}`), "byte order mark"]])(
    "with %s is read, with a warning",
    async (_, spoil, warning) => {
      const root = await boardsIn(await folder());
      await spoil(root);
      const { plan, warnings } = await resolvePlan(completeRequest, depsIn(root));
      expect(plan).toBeDefined();
      expect(warnings.join()).toContain(warning);
    },
  );

  it.each([
    ["CRLF line ends", good.replaceAll("\n", "\r\n")],
    [
      "quoted commas",
      good
        .replace(/\n$/, "")
        .split("\n")
        .map((line, at) => `${line},${at === 0 ? "description" : '"a, ""b"", c"'}`)
        .join("\n"),
    ],
  ])("with %s is no problem", async (_, text) => {
    expect(await haltsAfter(csv(text))).toEqual([]);
  });
});

describe("a bad KPI CSV", () => {
  it("of one class leaves the metric undefined", async () => {
    const spoil = (root: string) =>
      writeFile(join(root, "kpi/testing_set.csv"), csvOf(rowsOf("kpi")).replaceAll("bridge", "PASS"));
    expect(await haltsAfter(spoil)).toEqual(["kpi_csv metric.undefined"]);
  });
});

describe("a bad spec", () => {
  it.each([
    ["absent", (root: string) => rm(join(root, "specs/baseline_spec.yaml")), "input.unreadable-file"],
    ["no YAML", spec(() => "task: [classify\n"), "input.bad-yaml"],
    ["with an AutoML policy", spec((text) => `${text}automl_policy: {}\n`), "input.spec-automl"],
    [
      "with a workflow deep inside",
      spec((text) => text.replace("train:\n", "train:\n  x: {workflow: 1}\n")),
      "input.spec-automl",
    ],
    ["for segmentation", spec((text) => text.replace("task: classify", "task: segment")), "input.bad-spec"],
    ["with results in a container", spec((text) => text.replace("/results", "/results/iter1")), "input.bad-spec"],
    [
      "with a loss and a module that do not fit",
      spec((text) => text.replace("learnable,", "euclidean,")),
      "input.bad-spec",
    ],
    ["with a batch of one", spec((text) => text.replace("batch_size: 2", "batch_size: 1")), "input.bad-spec"],
  ])("%s stops the plan", async (_, spoil, code) => {
    const halts = await haltsAfter(spoil);
    expect(halts[0]).toBe(`spec ${code}`);
  });
});

describe("bad data around the CSVs", () => {
  it.each([
    [
      "no images root",
      (root: string) => rm(join(root, "images"), { recursive: true }),
      ["images_root input.unreadable-file"],
    ],
    [
      "a missing golden image",
      (root: string) => rm(join(root, "images/val/golden/val_c1_SolderLight.jpg")),
      ["validation_csv gate.missing-image"],
    ],
    [
      "an image without a byte",
      (root: string) => put(join(root, "images/kpi/test/kpi_c0_SolderLight.jpg"), ""),
      ["kpi_csv gate.bad-image"],
    ],
    [
      "an image cut off in its header",
      (root: string) => put(join(root, "images/kpi/test/kpi_c0_SolderLight.jpg"), image("x").slice(0, 40)),
      ["kpi_csv gate.bad-image"],
    ],
    [
      "text that is called an image",
      (root: string) => put(join(root, "images/train/golden/train_c0_SolderLight.jpg"), "no image"),
      ["training_csv gate.bad-image"],
    ],
    [
      "an empty pool",
      (root: string) => writeFile(join(root, "augmentation/mining_pool/mining_pool.csv"), csvOf([])),
      ["mining_pool gate.empty-pool"],
    ],
    [
      "a pool image that is gone",
      (root: string) => rm(join(root, "augmentation/mining_pool/images/pool/test/pool_c1_SolderLight.jpg")),
      ["mining_pool gate.missing-image"],
    ],
    [
      "no generator data",
      (root: string) => rm(join(root, "augmentation/anomalygen"), { recursive: true }),
      ["generator_assets input.unreadable-file"],
    ],
    [
      "a broken defect list",
      (root: string) => put(join(root, "augmentation/anomalygen/datasets/boards/defect_spec.jsonl"), "{}\n"),
      ["generator_assets gate.generator-dataset"],
    ],
    [
      "a defect to be placed by text, which only containers can",
      (root: string) =>
        put(
          join(root, "augmentation/anomalygen/datasets/boards/defect_spec.jsonl"),
          `${JSON.stringify({ defect_type: "pcb+stain", spatial_dependency: "text", roi_prompt_defect_location: "the copper" })}\n`,
        ),
      ["generator_assets gate.generator-dataset"],
    ],
    [
      "no clean image",
      (root: string) => rm(join(root, "augmentation/anomalygen/datasets/boards/pcb"), { recursive: true }),
      ["generator_assets gate.generator-dataset"],
    ],
    ["results that is a file", (root: string) => put(join(root, "results"), ""), ["path_rule input.write-failed"]],
  ] as const)("%s stops the plan", async (_, spoil, expected) => {
    expect(await haltsAfter(spoil)).toEqual(expected);
  });

  it("an images root that a link leads out of the workspace stops the plan", async () => {
    const elsewhere = await folder();
    const halts = await haltsAfter(async (root) => {
      await rename(join(root, "images"), join(elsewhere, "images"));
      await symlink(join(elsewhere, "images"), join(root, "images"));
    });
    expect(halts).toEqual(["images_root gate.path-outside-workspace"]);
  });

  it("the legacy images root is taken when there is no other", async () => {
    const halts = await haltsAfter((root) => rename(join(root, "images"), join(root, "kpi/images")));
    expect(halts).toEqual([]);
  });

  it("a read-only results folder stops the plan", async () => {
    const spoil = async (root: string) => {
      await mkdir(join(root, "results"));
      await chmod(join(root, "results"), 0o555);
    };
    // The superuser may write anywhere, so there is nothing to refuse.
    expect(await haltsAfter(spoil)).toEqual(process.getuid?.() === 0 ? [] : ["path_rule input.write-failed"]);
  });

  it("one path that nothing may read does not hide the other findings", async () => {
    const halts = await haltsAfter(async (root) => {
      await rm(join(root, training));
      await rm(join(root, "images"), { recursive: true });
      await rm(join(root, "augmentation/mining_pool"), { recursive: true });
    });
    expect(halts.map((halt) => halt.split(" ")[0])).toEqual(["images_root", "training_csv", "mining_pool"]);
  });
});

describe("boards that sets share", () => {
  const named = (board: string, places: readonly string[]) => {
    const [header, ...rows] = csvOf(rowsOf(board)).trimEnd().split("\n");
    const lines = rows.map((row, at) => `${row},panel-${at % 2},${places[at] ?? ""}`);
    return `${[`${header},boardname,comp_name`, ...lines].join("\n")}\n`;
  };

  it("are named with their places, and stop nothing", async () => {
    const root = await boardsIn(await folder());
    await writeFile(join(root, training), named("train", ["R1", "R2", "R3", "R4"]));
    await writeFile(join(root, "kpi/testing_set.csv"), named("kpi", ["R1", "R9", "R3", "R4"]));
    const { plan, warnings } = await resolvePlan(completeRequest, depsIn(root));
    expect(plan).toBeDefined();
    expect(warnings).toContain(
      "2 of 2 boards of kpi_csv are boards of training_csv, too (panel-0, panel-1), with 3 places (boardname, comp_name) in both: the figure says less about boards that nobody trained on.",
    );
  });
});

describe("an evaluator", () => {
  it("that this user may not execute stops before anything is planned", async () => {
    const root = await boardsIn(await folder());
    await writeFile(join(root, "measure"), "#!/bin/sh\n", { mode: 0o644 });
    const request = { ...completeRequest, evaluator: "measure" };
    await expect(resolvePlan(request, depsIn(root))).rejects.toThrow("not executable");
    await chmod(join(root, "measure"), 0o755);
    expect((await resolvePlan(request, depsIn(root))).plan).toBeDefined();
  });
});

describe("leakage", () => {
  const rowsWith = (board: string) => csvOf([...rowsOf("train"), ...rowsOf(board).slice(0, 1)]);
  it.each([
    [
      "a validation row in the training rows",
      (root: string) => writeFile(join(root, training), rowsWith("val")),
      "gate.train-val-leakage",
    ],
    [
      "a KPI row in the training rows",
      (root: string) => writeFile(join(root, training), rowsWith("kpi")),
      "gate.train-kpi-leakage",
    ],
    [
      "a KPI image under another spelling",
      (root: string) => writeFile(join(root, training), rowsWith("kpi").replace("kpi/test", "./train/../kpi/test/")),
      "gate.train-kpi-leakage",
    ],
    [
      "a link to a KPI image among the training images",
      async (root: string) => {
        const from = join(root, "images/train/test/train_c0_SolderLight.jpg");
        await rm(from);
        await symlink(join(root, "images/kpi/test/kpi_c0_SolderLight.jpg"), from);
      },
      "gate.train-kpi-leakage",
    ],
    [
      "a KPI image in the pool",
      async (root: string) => {
        const from = join(root, "augmentation/mining_pool/images/pool/test/pool_c0_SolderLight.jpg");
        await rm(from);
        await symlink(join(root, "images/kpi/test/kpi_c0_SolderLight.jpg"), from);
      },
      "gate.train-kpi-leakage",
    ],
  ])("%s stops the plan", async (_, spoil, code) => {
    expect(await haltsAfter(spoil)).toEqual([`leakage ${code}`]);
  });
});

describe("a workspace path with blanks and letters beyond ASCII", () => {
  it("is fine for the embedded engine", async () => {
    const root = join(await folder(), "böards and ☂ $x");
    await boardsIn(root);
    const { plan, workspace } = await resolvePlan(completeRequest, depsIn(root));
    expect(plan).toBeDefined();
    expect(workspace).toBe(await realpath(root));
  });

  it.each(["two words", "cost$", "it's"])("breaks a container entry point: %s", async (name) => {
    const root = await boardsIn(join(await folder(), name));
    const deps = { ...depsIn(root), executors: { docker: async () => standIn("docker") } };
    const { checks } = await resolvePlan({ ...completeRequest, platform: "docker" }, deps);
    expect(checks.find((check) => check.id === "path_rule")).toMatchObject({ outcome: "halt", code: "input.invalid" });
  });
});
