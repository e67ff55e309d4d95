import { z } from "zod";
import { inputPath, resolveWorkspace } from "../server/preflight/workspace.ts";
import { defineTool } from "./define.ts";

export const validateCsv = defineTool({
  name: "validate_csv",
  title: "Check a ChangeNet CSV",
  description:
    "Check any training, validation, KPI, pool or combined CSV: columns, labels, both images of every row, duplicates, pairs that are none, and leakage into validation_csv or kpi_csv. Counts and first five places of each problem.",
  toolset: "deft",
  input: z.strictObject({
    csv: z.string().describe("relative to the workspace"),
    workspace: z.string().optional(),
    images_root: z.string().optional().describe("default images, else kpi/images"),
    validation_csv: z.string().optional(),
    kpi_csv: z.string().optional(),
  }),
  output: z.object({
    status_line: z.string(),
    ok: z.boolean(),
    rows: z.number(),
    problems: z.array(
      z.object({ code: z.string(), count: z.number(), examples: z.array(z.record(z.string(), z.unknown())) }),
    ),
    warnings: z.array(z.string()),
  }),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  searchHint: "validate dataset rows labels leakage duplicates missing images",
  async handle(args, { deps, signal, progress }) {
    const { validateCsv: checkCsv } = await import("../server/data/validate.ts");
    const { withHeadway } = await import("../server/data/headway.ts");
    const { withKeptImages } = await import("../server/data/kept-images.ts");
    const { counted } = await import("../server/run/counted.ts");
    const { imagesRootOf, lightingsOf } = await import("../server/data/workspace-images.ts");
    const { workspace } = await resolveWorkspace(args.workspace, deps);
    const inside = async (given: string | undefined, what: string) =>
      given === undefined ? undefined : inputPath(workspace, given, what);
    const csv = await inputPath(workspace, args.csv, "csv");
    progress(`Checking ${csv}`);
    const check = {
      csv,
      workspace,
      images_root: (await inside(args.images_root, "images_root")) ?? (await imagesRootOf(workspace)),
      lightings: await lightingsOf(workspace),
      validation_csv: await inside(args.validation_csv, "validation_csv"),
      kpi_csv: await inside(args.kpi_csv, "kpi_csv"),
      signal,
    };
    const { ok, rows, problems, warnings } = await withHeadway(
      (what, done, all) => progress(`${csv}: ${done} of ${all} ${what}`, done / all),
      () => withKeptImages({ env: deps.env, workspace }, () => checkCsv(check)),
    );
    const doubts = warnings.length === 0 ? [] : [counted(warnings.length, "warning")];
    const found = problems.map(({ code, count }) => `${code} ${count}`).join(", ");
    return {
      status_line: [ok ? `${rows} rows, no problem` : `${rows} rows; ${found}`, ...doubts].join(", "),
      ok,
      rows,
      problems: problems.map(({ code, count, examples }) => ({ code, count, examples: [...examples] })),
      warnings: warnings.map(({ code, text, examples }) => `${code}: ${text}, e.g. ${JSON.stringify(examples[0])}`),
    };
  },
});
