import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import { resolvePlan } from "../../server/preflight/resolve.ts";
import { completeRequest, depsIn } from "../server/preflight/support/boards.ts";
import { temporaryFolders } from "../support/folder.ts";

const folder = temporaryFolders();
let example = "";

beforeAll(async () => {
  example = await mkdtemp(join(tmpdir(), "deft-example-"));
  await generateWorkspace(join(example, "w"), { seed: 1, size: "tiny" });
});

afterAll(async () => {
  await rm(example, { recursive: true });
});

type Edit = (lines: string[]) => string[];
const kpi = "kpi/testing_set.csv";
const spec = "specs/baseline_spec.yaml";

async function edited(path: string, change: (text: string) => string): Promise<string> {
  const workspace = join(await folder(), "w");
  await cp(join(example, "w"), workspace, { recursive: true });
  const file = join(workspace, path);
  await writeFile(file, change(await readFile(file, "utf8")));
  return workspace;
}

const rows = (change: Edit) => (text: string) => {
  const [head = "", ...lines] = text.trimEnd().split("\n");
  return `${[head, ...change(lines)].join("\n")}\n`;
};

async function verdict(workspace: string) {
  const { checks, warnings, plan } = await resolvePlan({ ...completeRequest, workspace }, depsIn(workspace));
  const halts = checks.filter(({ outcome }) => outcome === "halt");
  expect(plan === undefined).toBe(halts.length > 0);
  return { halts: halts.map(({ code, detail }) => `${code} ${detail}`), warnings };
}

describe("reported data that made a figure meaningless", () => {
  it("08: rows that repeat are counted in the plan", async () => {
    const workspace = await edited(
      kpi,
      rows((lines) => [...lines, ...lines.slice(0, 5)]),
    );
    const { warnings } = await verdict(workspace);
    expect(warnings).toContainEqual(
      expect.stringMatching(/testing_set\.csv: 5 of \d+ rows show an image that an earlier/),
    );
  });

  it("10: the inspected image as its own golden stops the plan", async () => {
    const own = (line: string) => line.replace(/^([^,]*),[^,]*/, "$1,$1");
    const { halts } = await verdict(
      await edited(
        kpi,
        rows((lines) => lines.map(own)),
      ),
    );
    expect(halts).toContainEqual(expect.stringMatching(/^gate\.own-golden .*the inspected image is its own golden/));
  });

  it("10: columns that changed places are told", async () => {
    const swap = (line: string) => line.replace(/^([^,]*),([^,]*)/, "$2,$1");
    const { warnings } = await verdict(
      await edited(
        kpi,
        rows((lines) => lines.map(swap)),
      ),
    );
    expect(warnings).toContainEqual(expect.stringMatching(/input_path and golden_path seem to have changed places/));
  });

  it.each([
    [
      "11: several goldens",
      (text: string) => text.replace("num_classes: 2", "num_classes: 2\n    num_golden: 4"),
      /num_golden is 4/,
    ],
    [
      "12: lightings without names",
      (text: string) => text.replace(/num_input: 1\n {4}input_map:\n.*\n/, "num_input: 4\n    input_map: null\n"),
      /num_input is 4, but without input_map/,
    ],
    [
      "12: a grid without its map",
      (text: string) => text.replace("concat_type: linear", "concat_type: grid").replace(/ {4}grid_map:\n.*\n.*\n/, ""),
      /grid_map is missing/,
    ],
    [
      "15: a misspelt key",
      (text: string) => text.replace("batch_size", "batch_sise"),
      /batch_sise is no key of TAO 7\.3; the nearest is batch_size/,
    ],
  ])("%s stops the plan with the key", async (_, change, expected) => {
    const { halts } = await verdict(await edited(spec, change));
    expect(halts).toContainEqual(expect.stringMatching(expected));
    expect(halts).toContainEqual(expect.stringMatching(/^input\.bad-spec /));
  });

  it("30: a label that reads like PASS is named with its rows", async () => {
    let seen = 0;
    const rename = (line: string) =>
      line.includes(",PASS,") && seen++ % 2 === 0 ? line.replace(",PASS,", ",good,") : line;
    const { warnings } = await verdict(
      await edited(
        kpi,
        rows((lines) => lines.map(rename)),
      ),
    );
    expect(warnings).toContainEqual(expect.stringMatching(/good reads like PASS but counts as a defect in \d+ rows/));
  });

  it("30: where it is the only good label, the halt names it", async () => {
    const { halts } = await verdict(await edited(kpi, (text) => text.replaceAll(",PASS,", ",good,")));
    expect(halts).toContainEqual(expect.stringMatching(/^metric\.undefined .*good reads like PASS: write PASS/));
  });
});
