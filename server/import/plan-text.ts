import { excerpt } from "../errors.ts";
import { motionOf, type PairingRule, pairCorrelation, pairingRules } from "./pairing.ts";
import type { ImportPlan } from "./plan.ts";
import { lightingName } from "./rows.ts";
import { countLabels, splitNames } from "./split.ts";

type Section = { readonly title: string; readonly rows: readonly (readonly string[])[] };

const shownLeftOut = 8;

/** What an import would do, in the sections that terminal and page show. */
export function planSections(plan: ImportPlan): Section[] {
  const sections: Section[] = [
    { title: "Source", rows: sourceRows(plan) },
    { title: "Labels", rows: plan.labels.map(({ written, label, rows }) => [written, `is ${label}`, `${rows} rows`]) },
    { title: "Golden images", rows: goldenRows(plan) },
    { title: "Sets, divided by board", rows: setRows(plan) },
  ];
  if (plan.left_out.length > 0) sections.push({ title: `Left out: ${plan.left_out.length}`, rows: leftOutRows(plan) });
  if (plan.alike.length > 0) {
    const rows = plan.alike.slice(0, shownLeftOut).map(([one, other]) => [one, "looks like", other]);
    sections.push({ title: `Nearly the same image: ${plan.alike.length}`, rows });
  }
  if (plan.notes.length > 0) sections.push({ title: "Notes", rows: plan.notes.map((note) => [note]) });
  return sections;
}

/** The same for a terminal. */
export function planText(plan: ImportPlan): string {
  return planSections(plan)
    .map(({ title, rows }) => `${title}\n${columnsText(rows)}`)
    .join("\n");
}

function columnsText(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows
    .map(
      (row) => `  ${row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join("  ")}\n`,
    )
    .join("");
}

function sourceRows(plan: ImportPlan): string[][] {
  const rows = [
    ["layout", plan.layout],
    ["images", String(plan.images)],
    ["lightings", plan.lightings.map(lightingName).join(", ")],
  ];
  return plan.window_px === undefined
    ? rows
    : [
        ...rows,
        ["windows", `${plan.window_px} px around each box, and as large ones clear of every box as good parts`],
      ];
}

function goldenRows(plan: ImportPlan): string[][] {
  const pairs = splitNames.flatMap((name) => plan.splits[name]);
  const measured = pairs.flatMap(({ alignment }) => (alignment.correlation === null ? [] : [alignment]));
  const correlations = measured.map(({ correlation }) => correlation ?? 0).sort((a, b) => a - b);
  const motions = pairs.filter(({ alignment }) => alignment.correlation !== null).map(motionOf);
  const shifts = motions.map(({ dx_px, dy_px }) => Math.hypot(dx_px, dy_px)).sort((a, b) => a - b);
  const at = (values: readonly number[], share: number) => values[Math.floor(share * (values.length - 1))] ?? 0;
  const rules = Object.entries(plan.rules).map(([rule, count]) => {
    return [`rule ${rule}`, `${pairingRules[rule as PairingRule]}: ${count} rows`];
  });
  return [
    ...rules,
    ["references", `${plan.references} good images, which are inspected in no set`],
    [
      "correlation",
      `median ${at(correlations, 0.5).toFixed(2)}, least ${at(correlations, 0).toFixed(2)}; below ${pairCorrelation} is no pair`,
    ],
    ["moved by", `median ${at(shifts, 0.5).toFixed(1)} px, most ${at(shifts, 1).toFixed(1)} px`],
    ["flat", `${pairs.length - measured.length} pairs show nothing to measure by`],
  ];
}

function setRows(plan: ImportPlan): string[][] {
  return splitNames
    .filter((name) => plan.splits[name].length > 0)
    .map((name) => {
      const pairs = plan.splits[name];
      const boards = new Set(pairs.map(({ board }) => board)).size;
      const labels = [...countLabels(pairs)].sort((a, b) => b[1] - a[1]).map(([label, rows]) => `${label} ${rows}`);
      return [name, `${pairs.length} rows`, `${boards} boards`, labels.join(", ")];
    });
}

function leftOutRows(plan: ImportPlan): string[][] {
  const reasons = new Map<string, string[]>();
  for (const { name, why } of plan.left_out) {
    const kind = why.replace(/: it correlates by .*| of .*/, "");
    reasons.set(kind, [...(reasons.get(kind) ?? []), `${excerpt(name, 80)}: ${why}`]);
  }
  return [...reasons].flatMap(([kind, examples]) => [
    [`${examples.length}`, kind],
    ...examples.slice(0, Math.ceil(shownLeftOut / reasons.size)).map((example) => ["", example]),
  ]);
}
