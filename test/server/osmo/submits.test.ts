import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "@jest/globals";
import { ownFlowsDir } from "../../../server/osmo/flow-files.ts";
import { shownCommand } from "../../../server/osmo/plan.ts";
import { legalSubmits, planOf, root, title } from "../../support/osmo-plans.ts";

/**
 * What every legal submit looks like, for a person to read: UPDATE_SUBMITS=1 writes the page anew.
 */
it("submits.md shows the command and the rendered workflow of every legal pair", async () => {
  const path = join(import.meta.dirname, "submits.md");
  const page = await renderPage();
  if (process.env.UPDATE_SUBMITS === "1") await writeFile(path, page);
  expect(page).toBe(await readFile(path, "utf8"));
});

async function renderPage(): Promise<string> {
  const folder = dirname(await ownFlowsDir());
  const rows: string[] = [];
  const sections: string[] = [];
  for (const each of legalSubmits) {
    const plan = await planOf(each);
    const { gpus_at_once, gpu_hours_limit } = plan.cost;
    const needs = plan.artifacts.map((url) => url.slice(root.length + 1)).join(", ") || "none";
    const cells = [each.flow.id, each.usecase ?? "", each.board ?? "", each.training ? "yes" : "", gpus_at_once];
    rows.push(`| ${[...cells, gpu_hours_limit, needs].join(" | ")} |`);
    const command = shownCommand(plan.argv).replace(folder, "DIR");
    sections.push(`## ${title(each)}`, `\`\`\`sh\n${command}\n\`\`\``, `\`\`\`yaml\n${plan.spec}\n\`\`\``);
  }
  const header = ["flow", "use case", "board", "trains", "GPUs at once", "GPU hours at most", "needs"];
  return [
    "# Every legal submit",
    "Generated and compared by submits.test.ts. The root is s3://lab/dig, the pool `default`; other knobs are defaults.",
    [`| ${header.join(" | ")} |`, `|${"---|".repeat(header.length)}`, ...rows].join("\n"),
    ...sections,
    "",
  ].join("\n\n");
}
