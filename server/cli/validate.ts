import { resolve } from "node:path";
import { withHeadway } from "../data/headway.ts";
import { withKeptImages } from "../data/kept-images.ts";
import { type Validation, validateCsv } from "../data/validate.ts";
import { imagesRootOf, lightingsOf } from "../data/workspace-images.ts";
import { refusals } from "../errors.ts";
import { resolveWorkspace } from "../preflight/workspace.ts";
import { withBar } from "./display.ts";
import { command, exitOk, exitRefused } from "./frame.ts";
import { workspaceNearby } from "./nearby.ts";

/** `deft-mcp validate CSV`: every problem of a ChangeNet CSV with its count and first places. */
export const run = command("validate", async ({ positionals: [name], options }, io) => {
  const { workspace } = await resolveWorkspace(await workspaceNearby(options.workspace, io), io);
  const csv = resolve(io.cwd, name);
  const check = {
    csv,
    workspace,
    images_root: options["images-root"] ?? (await imagesRootOf(workspace)),
    lightings: await lightingsOf(workspace),
    validation_csv: options.validation,
    kpi_csv: options.kpi,
  };
  const validation = await withBar(io, options.json, (progress) =>
    withHeadway(
      (what, done, all) => progress(`${done} of ${all} ${what}`, done / all),
      () => withKeptImages({ env: io.env, workspace }, () => validateCsv(check)),
    ),
  );
  return { value: validation, text: textOf(csv, validation), exit: validation.ok ? exitOk : exitRefused };
});

function textOf(csv: string, { ok, rows, problems, warnings }: Validation): string {
  const lines = [`${csv}: ${rows} rows, ${ok ? "no problem" : `${problems.length} kinds of problem`}`];
  for (const { code, count, examples, text } of problems) {
    lines.push(`${code}: ${count}${text === undefined ? "" : ` (${text})`}`);
    for (const example of examples) lines.push(`  ${Object.entries(example).map(pair).join("  ")}`);
    if (count > examples.length) lines.push(`  and ${count - examples.length} more`);
    lines.push(`  Next: ${refusals[code].remedy}`);
  }
  for (const { code, text, examples } of warnings) {
    lines.push(`warning ${code}: ${text}`);
    for (const example of examples) lines.push(`  ${Object.entries(example).map(pair).join("  ")}`);
  }
  return `${lines.join("\n")}\n`;
}

function pair([name, value]: [string, unknown]): string {
  return `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`;
}
