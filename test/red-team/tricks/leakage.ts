import { copyFile, cp, link, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { decode, encode } from "jpeg-js";
import { PNG } from "pngjs";
import { linesOf, type Scene, type Trick } from "../scene.ts";

const val = "gate.train-val-leakage";
const kpi = "gate.train-kpi-leakage";

type Cells = { input_path: string; golden_path: string; label: string; object_name: string; boardname: string };

const csvs = {
  train: ["train", "base", "training_set.csv"],
  validation: ["train", "base", "validation_set.csv"],
  kpi: ["kpi", "testing_set.csv"],
  pool: ["augmentation", "mining_pool", "mining_pool.csv"],
} as const;

/** The first PASS row of a held-out CSV, by the columns that matter here. */
async function heldRow(scene: Scene, csv: keyof typeof csvs): Promise<Cells> {
  const [header = "", ...lines] = await linesOf(scene.at(...csvs[csv]));
  const names = header.split(",");
  const row = (lines.find((line) => line.includes(",PASS,")) ?? "").split(",");
  const cell = (name: string) => row[names.indexOf(name)] ?? "";
  const [input_path, golden_path, label] = [cell("input_path"), cell("golden_path"), cell("label")];
  return { input_path, golden_path, label, object_name: cell("object_name"), boardname: cell("boardname") };
}

/** Adds a row to the training set, or to the pool. */
async function add(scene: Scene, cells: Cells, to: keyof typeof csvs = "train"): Promise<void> {
  const path = scene.at(...csvs[to]);
  const lines = await linesOf(path);
  const names = (lines[0] ?? "").split(",");
  const row = names.map((name) => (name in cells ? cells[name as keyof Cells] : ""));
  await writeFile(path, `${[...lines, row.join(",")].join("\n")}\n`);
}

const file = (cells: Cells, side: "input_path" | "golden_path") =>
  join(cells[side], `${cells.object_name}_SolderLight.jpg`);

/** Puts copies of a row's two images under another name, through `change`, and returns the row that shows them. */
async function disguise(
  scene: Scene,
  cells: Cells,
  change: (from: string, to: string) => Promise<unknown> = copyFile,
  folder = "spare",
): Promise<Cells> {
  const images = (path: string) => scene.at("kpi", "images", path);
  const paths = { input_path: `${folder}/test`, golden_path: `${folder}/golden` };
  const hidden = { ...cells, ...paths, object_name: "X1", boardname: "X" };
  for (const side of ["input_path", "golden_path"] as const) {
    await mkdir(dirname(images(file(hidden, side))), { recursive: true });
    await change(images(file(cells, side)), images(file(hidden, side)));
  }
  return hidden;
}

/** Writes the pixels of a JPEG as PNG, each level changed by `shift`. */
const asPng = (shift: (at: number) => number) => async (from: string, to: string) => {
  const { width, height, data } = decode(await readFile(from), { useTArray: true });
  const png = new PNG({ width, height });
  png.data = Buffer.from(
    data.map((level, at) => (at % 4 === 3 ? level : Math.max(0, Math.min(255, level + shift(at))))),
  );
  await writeFile(to, PNG.sync.write(png));
};

/** Writes a JPEG with its levels times `factor`, and turned by 180 degrees. */
const brightened =
  (factor: number, turned = false) =>
  async (from: string, to: string) => {
    const { width, height, data } = decode(await readFile(from), { useTArray: true });
    const levels = data.map((level, at) => (at % 4 === 3 ? level : Math.min(255, Math.round(level * factor))));
    const pixels = Array.from({ length: width * height }, (_, at) => levels.subarray(4 * at, 4 * at + 4));
    if (turned) pixels.reverse();
    await writeFile(to, encode({ width, height, data: Buffer.concat(pixels) }, 92).data);
  };

/** Validation and KPI rows smuggled to where training finds them. */
export function leakageTricks(trick: Trick): void {
  const hides: [string, (cells: Cells, scene: Scene) => Promise<Cells> | Cells][] = [
    ["as it is", (cells) => cells],
    [
      "behind ./",
      (cells) => ({ ...cells, input_path: `./${cells.input_path}`, golden_path: `./${cells.golden_path}` }),
    ],
    [
      "behind a trailing slash",
      (cells) => ({ ...cells, input_path: `${cells.input_path}/`, golden_path: `${cells.golden_path}//` }),
    ],
    ["behind another label", (cells) => ({ ...cells, label: "bridge" })],
    ["behind an empty boardname", (cells) => ({ ...cells, boardname: "" })],
    [
      "behind a prefix of another path space",
      (cells) => ({
        ...cells,
        input_path: `../../kpi/images/${cells.input_path}`,
        golden_path: `../../kpi/images/${cells.golden_path}`,
      }),
    ],
    [
      "with input and golden swapped",
      (cells) => ({ ...cells, input_path: cells.golden_path, golden_path: cells.input_path }),
    ],
    [
      "behind a linked directory",
      async (cells, scene) => {
        const linked = scene.at("kpi", "images", "spare");
        await symlink(scene.at("kpi", "images", dirname(cells.input_path)), linked);
        return { ...cells, input_path: "spare/test", golden_path: "spare/golden", boardname: "X" };
      },
    ],
    ["behind linked files", (cells, scene) => disguise(scene, cells, symlink)],
    ["behind hard links", (cells, scene) => disguise(scene, cells, link)],
    ["as a renamed copy", (cells, scene) => disguise(scene, cells)],
    [
      "as a copy with a comment in the file",
      (cells, scene) =>
        disguise(scene, cells, async (from, to) => {
          const bytes = await readFile(from);
          const comment = Buffer.from([0xff, 0xfe, 0x00, 0x06, 1, 2, 3, 4]);
          await writeFile(to, Buffer.concat([bytes.subarray(0, 2), comment, bytes.subarray(2)]));
        }),
    ],
    [
      "as a lossless copy in another format",
      (cells, scene) =>
        disguise(
          scene,
          cells,
          asPng(() => 0),
        ),
    ],
    [
      "as a copy through another decoder",
      (cells, scene) =>
        disguise(
          scene,
          cells,
          asPng((at) => (at % 7 === 0 ? 1 : 0)),
        ),
    ],
    [
      "in a directory of another case",
      async (cells, scene) => {
        const upper = {
          ...cells,
          input_path: cells.input_path.toUpperCase(),
          golden_path: cells.golden_path.toUpperCase(),
        };
        for (const side of ["input_path", "golden_path"] as const) {
          await cp(scene.at("kpi", "images", cells[side]), scene.at("kpi", "images", upper[side]), { recursive: true });
        }
        return upper;
      },
    ],
  ];
  for (const [how, hide] of hides) {
    trick(`a validation row hidden ${how}`, "planned", val, async (scene) => {
      await add(scene, await hide(await heldRow(scene, "validation"), scene));
      return await scene.preflight();
    });
  }

  trick(
    "a label of other case to pass for another row",
    "planned",
    new RegExp(val.replace(".", "\\.")),
    async (scene) => {
      await add(scene, { ...(await heldRow(scene, "validation")), label: "pass" });
      return await scene.preflight();
    },
  );

  trick("a KPI row in the training set", "planned", kpi, async (scene) => {
    await add(scene, await disguise(scene, await heldRow(scene, "kpi")));
    return await scene.preflight();
  });

  for (const [held, code] of [
    ["kpi", kpi],
    ["validation", val],
  ] as const) {
    trick(`${held} rows in the mining pool`, "planned", code, async (scene) => {
      const cells = await heldRow(scene, held);
      const up = (path: string) => `../../kpi/images/${path}`;
      await add(scene, { ...cells, input_path: up(cells.input_path), golden_path: up(cells.golden_path) }, "pool");
      return await scene.preflight();
    });
  }

  trick("a seed image exchanged for a KPI image after approval", "created", kpi, async (scene) => {
    const from = await heldRow(scene, "kpi");
    const to = await heldRow(scene, "train");
    await copyFile(
      scene.at("kpi", "images", file(from, "input_path")),
      scene.at("kpi", "images", file(to, "input_path")),
    );
    return await scene.runStage();
  });

  trick("a pool image exchanged for a KPI image during mining", "iter1-anomalygen", kpi, async (scene) => {
    const from = await heldRow(scene, "kpi");
    const pool = await linesOf(scene.at(...csvs.pool));
    return await scene.runStage(async (spec, run) => {
      const exit = await run();
      if (!spec.id.endsWith("nearest_neighbors")) return exit;
      for (const line of pool.slice(1)) {
        const [input, , , name] = line.split(",");
        const image = scene.at("augmentation", "mining_pool", input ?? "", `${name}_SolderLight.jpg`);
        await copyFile(scene.at("kpi", "images", file(from, "input_path")), image);
      }
      return exit;
    });
  });

  trick("a re-compressed validation image is shown to the human", "planned", /show nearly what/, async (scene) => {
    const cells = await heldRow(scene, "validation");
    await add(
      scene,
      await disguise(scene, cells, async (from, to) => {
        await writeFile(to, encode(decode(await readFile(from)), 80).data);
      }),
    );
    return (await (await scene.client()).call("preflight", { ...scene.loop.request })).text;
  });

  trick("a KPI image as a clean image of the generator", "planned", kpi, async (scene) => {
    const from = scene.at("kpi", "images", file(await heldRow(scene, "kpi"), "input_path"));
    const datasets = scene.at("augmentation", "anomalygen", "datasets");
    const [clean] = (await readdir(datasets, { recursive: true })).filter((name) => /clean_image\/[^/]+$/.test(name));
    const { width, height, data } = decode(await readFile(from), { useTArray: true });
    const png = new PNG({ width, height });
    png.data = Buffer.from(data);
    await writeFile(join(datasets, clean ?? ""), PNG.sync.write(png));
    return await scene.preflight();
  });

  trick("KPI images 6 % brighter in training", "planned", kpi, async (scene) => {
    const cells = await heldRow(scene, "kpi");
    const hidden = await disguise(scene, cells, brightened(1.06));
    await add(scene, { ...hidden, boardname: cells.boardname });
    return await scene.preflight();
  });

  trick(
    "a KPI image turned, brighter, on a board of another name",
    "planned",
    /of the KPI and the training set (?:is a copy|are copies) but for turning/,
    async (scene) => {
      const cells = await heldRow(scene, "kpi");
      await add(scene, await disguise(scene, cells, brightened(1.06, true)), "train");
      return (await (await scene.client()).call("preflight", { ...scene.loop.request })).text;
    },
  );

  trick("200 copies of one easy PASS, each a little brighter", "planned", /within the KPI set/, async (scene) => {
    const cells = await heldRow(scene, "kpi");
    for (let copy = 0; copy < 12; copy++) {
      const hidden = await disguise(scene, cells, brightened(1.05 + copy / 100), `copy${copy}`);
      await add(scene, hidden, "kpi");
    }
    return (await (await scene.client()).call("preflight", { ...scene.loop.request })).text;
  });

  trick(
    "200 copies of one easy PASS",
    "planned",
    /200 of \d+ rows show an image that an earlier row shows/,
    async (scene) => {
      const cells = await heldRow(scene, "kpi");
      for (let copy = 0; copy < 200; copy++) await add(scene, { ...cells, boardname: `B${copy}` }, "kpi");
      return (await (await scene.client()).call("preflight", { ...scene.loop.request })).text;
    },
  );
}
