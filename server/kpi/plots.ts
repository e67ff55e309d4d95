import { fourDigits } from "../run/figures.ts";
import { farPct, recallPct } from "./far-at-recall.ts";
import { type OperatingPoint, pointAt, type ScoredParts, type Sweep } from "./sweep.ts";

const width = 640;
const height = 400;
const frame = { left: 76, right: 40, top: 44, bottom: 52 };
const plot = { width: width - frame.left - frame.right, height: height - frame.top - frame.bottom };
const binCount = 40;
/** More points than this cannot be told apart at the size of the plot. */
const curveLimit = 800;

/** Histograms of PASS and NO_PASS scores with the threshold, as a self-contained SVG. */
export function scoreDistributionSvg(parts: ScoredParts, threshold: number | undefined, title: string): string {
  const { low, high } = rangeOf(parts.scores, threshold);
  const binOf = (score: number) => Math.min(binCount - 1, Math.floor(((score - low) / (high - low)) * binCount));
  const pass = new Array<number>(binCount).fill(0);
  const defective = new Array<number>(binCount).fill(0);
  for (let at = 0; at < parts.scores.length; at++) {
    const bins = parts.defective[at] ? defective : pass;
    const bin = binOf(parts.scores[at] ?? low);
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  const tallest = Math.max(1, ...pass, ...defective);
  const bars = (bins: readonly number[], style: string) =>
    bins
      .map((count, bin) => {
        const tall = (count / tallest) * plot.height;
        const x = frame.left + (bin / binCount) * plot.width;
        return count === 0 ? "" : rect(x, frame.top + plot.height - tall, plot.width / binCount - 1, tall, style);
      })
      .join("");
  const marker = threshold === undefined ? "" : thresholdMarker(threshold, (threshold - low) / (high - low));
  return svg(
    title,
    `${bars(pass, "pass")}${bars(defective, "defect")}${marker}`,
    axes("score", "parts", [low, high], [0, tallest]),
    legend([
      ["pass", "PASS"],
      ["defect", "NO_PASS"],
    ]),
  );
}

/** The four counts of an operating point as a self-contained SVG. */
export function confusionMatrixSvg(point: OperatingPoint, title: string): string {
  const largest = Math.max(1, point.tp, point.fp, point.tn, point.fn);
  const cells: [string, number, number, number][] = [
    ["TN", point.tn, 0, 0],
    ["FP", point.fp, 1, 0],
    ["FN", point.fn, 0, 1],
    ["TP", point.tp, 1, 1],
  ];
  const wide = plot.width / 2;
  const tall = plot.height / 2;
  const drawn = cells.map(([name, count, column, row]) => {
    const x = frame.left + column * wide;
    const y = frame.top + row * tall;
    const shade = `<rect x="${x}" y="${y}" width="${wide}" height="${tall}" class="cell" fill-opacity="${(0.08 + (0.6 * count) / largest).toFixed(2)}"/>`;
    return `${shade}${text(x + wide / 2, y + tall / 2 + 6, `${name} ${count}`, "count")}`;
  });
  const labels =
    text(frame.left + wide / 2, height - 20, "predicted PASS", "label") +
    text(frame.left + 1.5 * wide, height - 20, "predicted NO_PASS", "label") +
    text(8, frame.top + tall / 2, "PASS", "side") +
    text(8, frame.top + 1.5 * tall, "NO_PASS", "side");
  return svg(title, drawn.join(""), labels);
}

/** FAR over recall for every threshold, with the chosen one marked, as a self-contained SVG. */
export function recallFarSvg(sweep: Sweep, chosen: OperatingPoint | undefined, title: string): string {
  const x = (recall: number) => frame.left + (recall / 100) * plot.width;
  const y = (far: number) => frame.top + (1 - far / 100) * plot.height;
  const step = Math.max(1, Math.ceil(sweep.thresholds.length / curveLimit));
  const spots: string[] = [];
  for (let at = 0; at < sweep.thresholds.length; at++) {
    if (at % step !== 0 && at !== sweep.thresholds.length - 1) continue;
    const point = pointAt(sweep, at);
    if (Number.isNaN(point.recall) || Number.isNaN(point.far)) continue;
    spots.push(`${x(recallPct(point)).toFixed(1)},${y(farPct(point)).toFixed(1)}`);
  }
  const mark =
    chosen === undefined || Number.isNaN(chosen.far)
      ? ""
      : `<circle cx="${x(recallPct(chosen)).toFixed(1)}" cy="${y(farPct(chosen)).toFixed(1)}" r="5" class="chosen"/>`;
  const curve = `<polyline points="${spots.join(" ")}" class="curve"/>`;
  return svg(title, curve + mark, axes("recall, %", "FAR, %", [0, 100], [0, 100]));
}

function rangeOf(scores: ArrayLike<number>, threshold: number | undefined): { low: number; high: number } {
  let low = threshold ?? Number.POSITIVE_INFINITY;
  let high = threshold ?? Number.NEGATIVE_INFINITY;
  for (let at = 0; at < scores.length; at++) {
    const score = scores[at] ?? low;
    if (score < low) low = score;
    if (score > high) high = score;
  }
  return high > low ? { low, high } : { low: low - 0.5, high: low + 0.5 };
}

function thresholdMarker(threshold: number, share: number): string {
  const x = (frame.left + share * plot.width).toFixed(1);
  const line = `<line x1="${x}" x2="${x}" y1="${frame.top}" y2="${frame.top + plot.height}" class="threshold"/>`;
  return `${line}${text(Number(x), frame.top - 6, `threshold ${fourDigits(threshold)}`, "label")}`;
}

function axes(across: string, up: string, x: readonly [number, number], y: readonly [number, number]): string {
  const bottom = frame.top + plot.height;
  const right = frame.left + plot.width;
  return [
    `<path d="M${frame.left} ${frame.top}V${bottom}H${right}" class="axis"/>`,
    text(frame.left, bottom + 18, fourDigits(x[0]), "label"),
    text(right, bottom + 18, fourDigits(x[1]), "label"),
    text(frame.left + plot.width / 2, bottom + 34, across, "label"),
    text(8, bottom, fourDigits(y[0]), "side"),
    text(8, frame.top + 8, fourDigits(y[1]), "side"),
    text(8, frame.top + plot.height / 2, up, "side"),
  ].join("");
}

function legend(entries: readonly (readonly [string, string])[]): string {
  return entries
    .map(([style, name], at) => {
      const y = frame.top + 10 + at * 18;
      return rect(width - 120, y - 10, 12, 12, style) + text(width - 100, y, name, "side");
    })
    .join("");
}

function rect(x: number, y: number, wide: number, tall: number, style: string): string {
  const [a, b, c, d] = [x, y, wide, tall].map((value) => value.toFixed(1));
  return `<rect x="${a}" y="${b}" width="${c}" height="${d}" class="${style}"/>`;
}

function text(x: number, y: number, content: string, style: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" class="${style}">${escaped(content)}</text>`;
}

const style =
  "text{font:13px system-ui,sans-serif;fill:#222}.title{font-size:16px;text-anchor:middle}.label{text-anchor:middle}" +
  ".count{font-size:20px;text-anchor:middle}.pass{fill:#2563a8;fill-opacity:.55}.defect{fill:#c2410c;fill-opacity:.55}" +
  ".cell{fill:#2563a8;stroke:#fff}.axis,.curve{fill:none;stroke:#444}.curve{stroke:#2563a8;stroke-width:2}" +
  ".threshold{stroke:#111;stroke-dasharray:5 4}.chosen{fill:#c2410c}";

function svg(title: string, ...parts: readonly string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">`;
  const ground = `<style>${style}</style><rect width="${width}" height="${height}" fill="#fff"/>`;
  return `${head}${ground}${text(width / 2, 24, title, "title")}${parts.join("")}</svg>\n`;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
