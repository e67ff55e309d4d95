import { imagesOf } from "../../data/images.ts";
import { layoutOf } from "../../data/spec.ts";
import { Refusal } from "../../errors.ts";
import { kindOf } from "../../fs/read.ts";
import { csvRoles, type Findings, type Step } from "../survey.ts";

const head = { id: "images", title: "Images" };

/** Both images of every row and every lighting are there; TAO would find out in the middle of an epoch. */
export const imagesStep: Step = {
  ...head,
  async look(survey): Promise<Findings> {
    const { spec, images_dir, csvs } = survey;
    const tables = csvRoles.flatMap((role) => csvs[role] ?? []);
    if (spec === undefined || images_dir === undefined || tables.length < csvRoles.length) return {};
    const layout = layoutOf(spec.content, images_dir);
    const files = new Set<string>();
    let rows = 0;
    for (const { table } of tables) {
      rows += table.rows.length;
      for (const row of table.rows) for (const pair of imagesOf(row, layout)) files.add(pair.input).add(pair.golden);
    }
    const missing: string[] = [];
    for (const file of files) if ((await kindOf(file)) !== "file") missing.push(file);
    if (missing.length > 0) {
      throw new Refusal("gate.missing-image", `${missing.length} of ${files.size} images are missing.`, {
        images: missing.length,
        examples: missing.slice(0, 5),
      });
    }
    return {
      found: { image_files: files.size },
      checks: [{ ...head, outcome: "ok", detail: `${files.size} files of ${rows} rows` }],
    };
  },
};
