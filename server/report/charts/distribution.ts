import { scaleLinear, scaleSqrt } from "d3-scale";
import { count, score } from "../format.ts";
import type { KpiView } from "../model.ts";
import { axisBelow, chart, type Frame, round, text } from "./frame.ts";

const frame: Frame = { width: 620, height: 340, left: 64, right: 32, top: 34, bottom: 56 };
const between = 34;

/** Scores of PASS and of NO_PASS parts as two histograms over one axis, with the threshold through both. */
export function distributionChart(view: KpiView, at: number): string {
  const { histogram, point } = view;
  const x = scaleLinear([histogram.from, histogram.to], [frame.left, frame.width - frame.right]);
  const high = (frame.height - frame.top - frame.bottom - between) / 2;
  const upper = frame.top + high;
  const lower = frame.height - frame.bottom;
  const place = round(x(clamp(point.threshold, histogram.from, histogram.to)));
  const ticks = x.ticks(5).map((value) => ({ at: x(value), text: score(value) }));
  const body = [
    panel("pass", histogram.pass, view, x, upper, high),
    panel("defective", histogram.defective, view, x, lower, high),
    axisBelow(frame, ticks, "siamese_score (higher means more defective)"),
    `<path class="threshold" data-from="${histogram.from}" data-to="${histogram.to}" data-left="${frame.left}" data-right="${frame.width - frame.right}" data-threshold="${point.threshold}" d="M0 ${frame.top - 6}V${lower}" transform="translate(${place})"/>`,
    ...[
      { name: "PASS", base: upper },
      { name: "NO_PASS", base: lower },
    ].map(({ name, base }) =>
      text(frame.left, base - high - 8, `${name} parts (count, square-root scale)`, 'class="axis-name"'),
    ),
  ];
  const description = `Scores of ${count(view.pass_rows)} PASS and ${count(view.defective_rows)} NO_PASS parts between ${score(histogram.from)} and ${score(histogram.to)}. A part is flagged when its score is above the threshold ${score(point.threshold)}: ${count(point.fp)} PASS parts are flagged, ${count(point.fn)} NO_PASS parts are missed.`;
  return chart(
    `distribution-${at}`,
    frame,
    { title: `Score distributions of ${view.label}`, description },
    body.join(""),
  );
}

function panel(
  name: "pass" | "defective",
  bins: readonly number[],
  view: KpiView,
  x: (value: number) => number,
  base: number,
  high: number,
): string {
  const y = scaleSqrt([0, Math.max(1, ...bins)], [0, high]);
  const step = (view.histogram.to - view.histogram.from) / bins.length;
  const bars = bins.map((value, index) => {
    if (value === 0) return "";
    const left = x(view.histogram.from + index * step);
    const width = Math.max(1, x(view.histogram.from + (index + 1) * step) - left - 1);
    const tall = Math.max(2, y(value));
    return `<rect data-count="${value}" x="${round(left)}" y="${round(base - tall)}" width="${round(width)}" height="${round(tall)}"/>`;
  });
  const top = Math.max(1, ...bins);
  const ticks = y.ticks(3).filter((value) => Number.isInteger(value) && value > 0 && value <= top);
  const grid = ticks.map((value) => {
    const at = round(base - y(value));
    return `<path class="grid" d="M${frame.left} ${at}H${frame.width - frame.right}"/>${text(frame.left - 8, at + 4, count(value), 'text-anchor="end"')}`;
  });
  return `<g class="${name}" data-panel="${name}"><g class="axis">${grid.join("")}<path d="M${frame.left} ${base}H${frame.width - frame.right}"/></g>${bars.join("")}</g>`;
}

function clamp(value: number, from: number, to: number): number {
  return Math.min(to, Math.max(from, value));
}
