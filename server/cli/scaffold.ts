import { dirname, join, relative } from "node:path";
import { specText } from "../../engine/workspace/spec.ts";
import { writeChangeNet } from "../data/changenet.ts";
import { makeDirectory } from "../fs/atomic.ts";
import { createTree, writeNew } from "../fs/tree.ts";
import { workspacePaths } from "../run/paths.ts";

export type Scaffold = { readonly workspace: string; readonly files: readonly string[] };

/**
 * Creates a workspace for one's own boards: every folder, tables that hold only their header, a spec and a README.
 *
 * @throws Refusal `input.workspace-exists` when `dir` holds anything.
 */
export async function scaffoldWorkspace(dir: string): Promise<Scaffold> {
  const files: string[] = [];
  await createTree(dir, async (root) => {
    const paths = workspacePaths(root);
    const tables = [paths.trainingCsv, paths.validationCsv, paths.kpiCsv, paths.poolCsv];
    const texts = [
      { path: join(root, "README.md"), text: readme },
      { path: paths.spec, text: specText(specTitle) },
    ];
    for (const path of [paths.images, paths.backboneDir, join(paths.anomalygen, "datasets")]) await makeDirectory(path);
    for (const path of [...tables, paths.spec]) await makeDirectory(dirname(path));
    for (const path of tables) await writeChangeNet(path, []);
    for (const { path, text } of texts) await writeNew(path, text);
    files.push(...[...tables, ...texts.map(({ path }) => path)].map((path) => relative(root, path)));
  });
  return { workspace: dir, files: files.sort() };
}

/** Two rows as they could stand in a table, and the files that they name. */
export const sampleRows = `input_path,golden_path,label,object_name,project,boardname
b017/test,b017/golden,PASS,C1018,main,b017
b018/test,b018/golden,missing,C1018,main,b018
`;

const specTitle = `Visual ChangeNet classify: the baseline. Adjust input_map to your lights, image_ext and the figures;
# leave the container paths: the server writes its own absolute paths into the spec of every run.`;

const readme = `# AOI workspace

| put here | what |
|---|---|
| \`images/\` | all crops, in folders of your choice |
| \`train/base/training_set.csv\` | rows to start from; about 200 are usual |
| \`train/base/validation_set.csv\` | rows held out of training |
| \`kpi/testing_set.csv\` | rows on which false alarms and recall are measured, and nothing else |
| \`kpi/holdout_set.csv\` | optional: rows that are scored once, when a run ends, and never before |
| \`augmentation/mining_pool/mining_pool.csv\` | further labelled rows from production, to mine from |
| \`augmentation/backbone/\` | the backbone file that the spec names (containers only) |
| \`augmentation/anomalygen/datasets/\` | reference data of the defect generator, one folder a project |
| \`specs/baseline_spec.yaml\` | the train spec |

A row names its two images: \`images/<input_path>/<object_name>_<light><ext>\` is inspected against
\`images/<golden_path>/<object_name>_<light><ext>\`. \`<light>\` is each key of \`input_map\` in the spec, \`<ext>\` its
\`image_ext\`. \`label\` is \`PASS\`, written so, or the defect in lower case. The other columns may stay empty.

\`\`\`csv
${sampleRows}\`\`\`

The first row says that component C1018 of board b017 is good: \`images/b017/test/C1018_SolderLight.jpg\` is looked at
beside its golden image \`images/b017/golden/C1018_SolderLight.jpg\`. The golden image shows the same place of a board that
is known to be good, with the same camera, lens, light and position; it may be the same photo for every board, copied
under each name. In the second row the component is missing. All rows of one board belong into one table.

No KPI image may also be in training, validation or the pool.

\`deft-mcp import SOURCE DIR\` fills a workspace from images in a known layout, with a list, or with names that say it.
\`deft-mcp doctor --workspace DIR\` says what is missing. \`deft-mcp init DIR --example\` makes a complete workspace to compare.
`;
