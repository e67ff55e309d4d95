import { join, resolve } from "node:path";
import { specText } from "../../engine/workspace/spec.ts";
import { Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { isInside } from "../fs/contained.ts";
import { refuseFilled } from "../fs/tree.ts";
import { importPage } from "../import/page.ts";
import { type ImportPlan, planImport } from "../import/plan.ts";
import { planText } from "../import/plan-text.ts";
import { countLabels, splitNames } from "../import/split.ts";
import { type SpecFacts, type Written, writeImport } from "../import/write.ts";
import { defined } from "../run/defined.ts";
import { barDisplay, plainDisplay } from "./display.ts";
import { command } from "./frame.ts";

/** `deft-mcp import SOURCE DIR`: plans a workspace of a folder of images, and with --write makes it. */
export const run = command("import", async ({ positionals: [from, to], options }, io) => {
  const [source, dir] = [resolve(io.cwd, from), resolve(io.cwd, to)];
  if (isInside(source, dir)) {
    throw new Refusal("input.invalid", "The new workspace lies inside the source, which is not changed.", {
      source,
      dir,
    });
  }
  await refuseFilled(dir);
  const { layout, table, column: columns, pattern, holdout, seed, write } = options;
  const [good, lightings] = [listOf(options.good), listOf(options.lightings)];
  const asked = { source, columns, good, lightings, holdout, seed, ...defined({ layout, table, pattern }) };
  const display = io.isTty && !options.json ? barDisplay(io.stderr) : plainDisplay(io.stderr);
  const plan = await planImport(asked, display.progress).finally(() => display.close());
  const page = await importPage(plan);
  const seen = write ? join(dir, "import_samples.html") : `${dir}-samples.html`;
  const value = { workspace: dir, written: write, samples: seen, ...figuresOf(plan) };
  if (!write) {
    await writeAtomic(seen, page);
    const next = `look at ${seen}, then give the command again with --write`;
    return { value, text: `${planText(plan)}\nNothing but the page of samples was written.\nNext: ${next}\n` };
  }
  const written = await writeImport(dir, plan, {
    page,
    spec: (facts) => specText(specTitle, facts),
    readme: (facts, made) => readme(plan, facts, made),
  });
  const text = `${planText(plan)}\nMade ${dir}: ${written.images} images; ${generatorText(written)}\n`;
  const none = written.generator === undefined ? " --num-sdg 0" : "";
  const next = `look at ${seen}, then deft-mcp doctor --workspace ${dir}${none}`;
  return { value: { ...value, ...written }, text: `${text}Next: ${next}\n` };
});

function listOf(words: string | undefined): string[] {
  return (words ?? "")
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

function figuresOf(plan: ImportPlan) {
  const { splits, left_out, alike, ...figures } = plan;
  const rows = splitNames.map((name) => [name, Object.fromEntries(countLabels(splits[name]))]);
  return { ...figures, rows: Object.fromEntries(rows), left_out: left_out.length, alike: alike.length };
}

function generatorText({ generator }: Written): string {
  if (generator === undefined) return "no masks, so no defects can be generated: plan with num_sdg 0.";
  const masks = Object.values(generator.masks).reduce((sum, count) => sum + count, 0);
  const origin = generator.from_boxes > 0 ? `, ${generator.from_boxes} of them from boxes` : "";
  return `${masks} masks of ${Object.keys(generator.masks).length} defect types for the generator${origin}.`;
}

const specTitle = `Visual ChangeNet classify: the baseline of this imported workspace. Paths are those inside a container;
# the server writes its own absolute paths into the spec of every run.`;

function readme(plan: ImportPlan, facts: SpecFacts, written: Written): string {
  return `# Imported workspace

Made from ${plan.images} images in the layout \`${plan.layout}\`; the source was only read. Look at \`import_samples.html\` before
anything is trained on it. \`import_pairs.csv\` has the golden image, the rule and the measured alignment of every row.

\`\`\`text
${planText(plan)}\`\`\`

- \`images/<product>/<board>/test\` and \`/golden\`: \`<object_name>_<lighting>${facts.image_ext}\`, lightings ${facts.lightings.join(", ")}
- \`train/base/\`, \`kpi/\`, \`augmentation/mining_pool/\`: the tables; no board is in two of them
- \`augmentation/anomalygen/datasets/imported/\`: ${generatorText(written)} They come from training rows alone.
`;
}
