import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, it } from "@jest/globals";
import { createImageIndex } from "../../../server/data/image-index.ts";
import { withKeptImages } from "../../../server/data/kept-images.ts";
import { placeCsv } from "../../../server/data/leakage.ts";
import { twinsStep } from "../../../server/preflight/checks/twins.ts";
import type { Survey } from "../../../server/preflight/survey.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { photograph, putGray } from "../../support/photographs.ts";

const newFolder = temporaryFolders();
const side = 128;
const lightings = { lightings: ["Low", "High"], image_ext: ".png" };
const levels = (name: string) => photograph({ name, style: "leads", side }, "a").gray;
const brighter = (gray: Uint8Array) => gray.map((level) => Math.min(255, 1.06 * level));

type Shots = Readonly<Record<"input" | "golden", readonly [low: Uint8Array, high: Uint8Array]>>;

/** A part whose photographs are nobody else's, but for what is given. */
const part = (name: string, change: Partial<Shots> = {}): Shots => ({
  input: [levels(`${name} low`), levels(`${name} high`)],
  golden: [levels(`${name} reference low`), levels(`${name} reference high`)],
  ...change,
});

type Sets = Readonly<Record<"training_csv" | "kpi_csv", Readonly<Record<string, Shots>>>>;

/** Sets with one part a name, in a folder of their own. */
async function surveyOf(sets: Sets) {
  const root = await newFolder();
  await putImages(root, sets);
  return await placed(root, sets);
}

async function putImages(root: string, sets: Sets) {
  for (const [role, parts] of Object.entries(sets)) {
    for (const [name, shots] of Object.entries(parts)) {
      for (const kind of ["input", "golden"] as const) {
        await mkdir(join(root, role, kind), { recursive: true });
        const put = (at: 0 | 1) =>
          putGray(join(root, role, kind, `${name}_${lightings.lightings[at]}.png`), shots[kind][at], side);
        await Promise.all([put(0), put(1)]);
      }
    }
  }
}

async function placed(root: string, sets: Sets) {
  const index = createImageIndex();
  const sides = await Promise.all(
    Object.entries(sets).map(async ([role, parts]) => {
      const lines = ["input_path,golden_path,label,object_name,boardname"];
      for (const name of Object.keys(parts)) lines.push(`${role}/input,${role}/golden,PASS,${name},B-${role}`);
      const csv = join(root, `${role}.csv`);
      await writeFile(csv, `${lines.join("\n")}\n`);
      return [role, await placeCsv({ csv, roots: [root] }, lightings, index)] as const;
    }),
  );
  await index.probe();
  return { sides: { index, ...Object.fromEntries(sides) } } as unknown as Survey;
}

const kpi = part("held");

it.each([
  ["the second lighting", part("t1", { input: [levels("t1 low"), brighter(kpi.input[1])] }), "training"],
  ["a golden image", part("t1", { golden: [brighter(kpi.input[0]), levels("t1 high")] }), "training, golden"],
])("a KPI photograph that training shows brighter as %s is told", async (_what, hidden, set) => {
  const survey = await surveyOf({ training_csv: { t1: hidden, t2: part("t2") }, kpi_csv: { held: kpi } });
  const { warnings, found } = await twinsStep().look(survey);
  expect(found?.twins).toMatchObject({ left_out: 0, pairs: [{ one: { object_name: "held" }, other: { set } }] });
  expect(warnings?.join()).toContain("of the KPI and the training set");
});

it("a part and its own golden image, and golden images of two sets, are no copies", async () => {
  const own = part("held", { golden: [brighter(kpi.input[0]), brighter(kpi.input[1])] });
  const t1 = part("t1", { golden: [kpi.golden[0].map((level) => level * 0.9), levels("t1 high")] });
  const { found } = await twinsStep().look(await surveyOf({ training_csv: { t1 }, kpi_csv: { held: kpi } }));
  expect(found?.twins?.pairs).toEqual([]);
  const alone = await twinsStep().look(await surveyOf({ training_csv: {}, kpi_csv: { held: own } }));
  expect(alone.found?.twins?.pairs).toEqual([]);
});

it("of more images than it can compare, all KPI images and an even share of the rest are, and it says so", async () => {
  const training_csv = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`t${at}`, part(`t${at}`)]));
  const { warnings, found } = await twinsStep(5).look(await surveyOf({ training_csv, kpi_csv: { held: kpi } }));
  // With the golden images there are 20 of each lighting, of which the KPI set has 2.
  expect(found?.twins).toEqual({ pairs: [], left_out: 15 });
  expect(warnings).toEqual([expect.stringContaining("15 training and pool images under one lighting")]);
});

it("pairs that are equally alike stand in one order, whichever was known before", async () => {
  const root = await newFolder();
  const copy = (name: string) => part(name, { input: [kpi.input[0], levels(`${name} high`)] });
  const [t1, t2] = [copy("t1"), copy("t2")];
  const rest = Object.fromEntries(Array.from({ length: 4 }, (_, at) => [`t${at + 3}`, part(`t${at + 3}`)]));
  const all = { training_csv: { t1, t2, ...rest }, kpi_csv: { held: kpi } };
  await putImages(root, all);
  await setTimeout(120);
  const look = async (home: string, sets: Sets) => {
    const survey = await placed(root, sets);
    return await withKeptImages({ env: { HOME: join(root, home) }, workspace: root }, () => twinsStep().look(survey));
  };
  await look("old", { ...all, training_csv: { t2, ...rest } });
  const anew = await look("new", all);
  expect(anew.found?.twins?.pairs).toHaveLength(3);
  expect(await look("old", all)).toEqual(anew);
});
