import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, it } from "@jest/globals";
import { flows } from "../../../server/osmo/flow-table.ts";
import { knobForms } from "../../../server/osmo/knobs.ts";

const folder = resolve(import.meta.dirname, "../../../references/flows");
const heading = "\n## Knobs\n";

/** The list of a flow's page is the table's; UPDATE_KNOBS=1 writes it anew. */
it.each(Object.values(flows))("the page of $id lists every knob with the values that it takes", async (flow) => {
  const path = join(folder, `${flow.id}.md`);
  const page = await readFile(path, "utf8");
  const list = `${heading}\n${knobForms(flow)
    .map((line) => `- \`${line.replace(": ", "`: ")}\n`)
    .join("")}`;
  if (process.env.UPDATE_KNOBS === "1") await writeFile(path, `${page.split(heading)[0]?.trimEnd()}\n${list}`);
  expect(`${heading}${(await readFile(path, "utf8")).split(heading)[1]}`).toBe(list);
});
