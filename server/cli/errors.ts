import { Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { listMisjudged } from "../report/listing.ts";
import { exportText, type Listing, labelStudioView } from "../report/misjudged-files.ts";
import { counted } from "../run/counted.ts";
import { fourDigits } from "../run/figures.ts";
import { systemDeps } from "./deps.ts";
import { command, exitOk } from "./frame.ts";
import { print } from "./io.ts";
import { runNearby } from "./nearby.ts";
import { textTable } from "./text-table.ts";

/** `deft-mcp errors [RUN]`: every part that an iteration misjudges, to look at or to hand on. */
export const run = command("errors", async ({ positionals: [named], options }, io) => {
  const deps = systemDeps(io);
  const runDir = await runNearby(named, options.workspace, deps);
  const { iteration, against, threshold, kind, label, board, output } = options;
  const found = await listMisjudged(runDir, { iteration, against, threshold }, deps);
  const parts = found.parts.filter(
    (one) =>
      (kind === undefined || one.judged === kind) &&
      (label === undefined || one.label.toLowerCase() === label.toLowerCase()) &&
      (board === undefined || one.board === board),
  );
  const listing = { ...found, parts };
  if (options.export === undefined) {
    if (output !== undefined)
      throw new Refusal("input.invalid", "--output goes with --export.", { option: "--output" });
    const chosen = [kind, label, board].some((one) => one !== undefined);
    const text = chosen && parts.length === 0 ? noneText(found.parts) : "";
    return { value: listing, text: `${listingText(listing, found.against, found.fixed.length)}${text}` };
  }
  const text = await exportText(options.export, listing);
  if (output !== undefined) {
    await writeAtomic(output, text);
    const view = options.export === "labelstudio" ? `Labeling interface: ${labelStudioView}\n` : "";
    return {
      value: { path: output, parts: parts.length },
      text: `${counted(parts.length, "part")}: ${output}\n${view}`,
    };
  }
  print(io.stdout, text);
  return exitOk;
});

/** What could have been chosen of what there is. */
function noneText(all: Listing["parts"]): string {
  const some = (key: "label" | "board" | "judged") => {
    const names = [...new Set(all.map((one) => one[key].replace("_", " ")))];
    return `${names.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}`;
  };
  if (all.length === 0) return "";
  const choices = (["judged", "label", "board"] as const).map((key) => `  ${key.padEnd(6)}  ${some(key)}\n`);
  return `\nNone of the ${counted(all.length, "misjudged part")} is so; there are\n${choices.join("")}`;
}

function listingText({ iteration, threshold, parts }: Listing, against: string | null, fixed: number): string {
  const missed = parts.filter(({ judged }) => judged === "missed").length;
  const title = `${iteration} at threshold ${fourDigits(threshold)}: ${missed} missed, ${parts.length - missed} false alarms`;
  const since = against === null ? "" : `; ${fixed} of ${against} are fixed`;
  const rows = parts.map((one) => {
    const change = one.change?.replace("_", " ") ?? "";
    return [one.part, one.label, one.board, one.judged.replace("_", " "), fourDigits(one.score), change];
  });
  const table =
    rows.length === 0 ? "" : `\n${textTable(["part", "label", "board", "judged", "score", "change"], rows)}\n`;
  return `${title}${since}\n${table}`;
}
