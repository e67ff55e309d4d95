import { scaleBand, scaleLinear } from "d3-scale";
import { count } from "../format.ts";
import type { GrowthRow } from "../model.ts";
import { axisBelow, axisLeft, chart, standardFrame as frame, round, shownLabel, text } from "./frame.ts";

const sources = ["base", "mined", "synthetic"] as const;

/** Training rows by iteration, stacked by where they came from. */
export function growthChart(rows: readonly GrowthRow[]): string {
  const known = rows.filter((row) => row.total !== undefined);
  const x = scaleBand(
    known.map(({ label }) => label),
    [frame.left, frame.width - frame.right],
  ).padding(0.25);
  const y = scaleLinear(
    [0, Math.max(1, ...known.map((row) => row.total ?? 0)) * 1.08],
    [frame.height - frame.bottom, frame.top + 12],
  );
  const bars = known.map((row) => bar(row, x(row.label) ?? 0, x.bandwidth(), y, known.length <= 12));
  const ticks = known.map((row, index) => ({
    at: (x(row.label) ?? 0) + x.bandwidth() / 2,
    text: row.label === "baseline" ? "base" : row.label.replace("iter", ""),
    show: shownLabel(index, known.length, 12),
  }));
  const body = [
    axisLeft(
      frame,
      y.ticks(4).map((value) => ({ at: y(value), text: count(value) })),
      "training rows (count)",
    ),
    axisBelow(
      frame,
      ticks.filter(({ show }) => show),
      "iteration",
    ),
    ...bars,
  ];
  const description = known
    .map(
      (row) =>
        `${row.label}: ${count(row.total)} rows, ${sources.map((source) => `${count(row[source])} ${source}`).join(", ")}.`,
    )
    .join(" ");
  return chart("growth-chart", frame, { title: "Training rows by source and iteration", description }, body.join(""));
}

function bar(row: GrowthRow, x: number, width: number, y: (value: number) => number, labelled: boolean): string {
  let below = 0;
  const parts = sources.map((source) => {
    const value = row[source] ?? 0;
    if (value === 0) return "";
    const top = y(below + value);
    const part = `<rect class="${source}" data-iteration="${row.label}" data-source="${source}" data-rows="${value}" x="${round(x)}" y="${round(top)}" width="${round(width)}" height="${round(y(below) - top)}"/>`;
    below += value;
    return part;
  });
  const total = labelled
    ? text(x + width / 2, y(row.total ?? 0) - 6, count(row.total), 'text-anchor="middle" class="value"')
    : "";
  return parts.join("") + total;
}
