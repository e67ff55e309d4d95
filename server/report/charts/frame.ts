import { escapeHtml } from "../markup.ts";

/** Outer size and margins of a chart, in units of its view box. */
export type Frame = {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
};

export const standardFrame: Frame = { width: 620, height: 320, left: 64, right: 32, top: 24, bottom: 56 };

/**
 * A chart as inline SVG with its text alternative. `id` is unique in the page; `body` is markup, the texts are not.
 */
export function chart(id: string, frame: Frame, texts: { title: string; description: string }, body: string): string {
  const size = `viewBox="0 0 ${frame.width} ${frame.height}"`;
  const named = `role="img" aria-labelledby="${id}-title ${id}-desc"`;
  return `<svg class="chart" data-chart="${id}" ${size} ${named}><title id="${id}-title">${escapeHtml(texts.title)}</title><desc id="${id}-desc">${escapeHtml(texts.description)}</desc>${body}</svg>`;
}

/** A text element; `content` is escaped here. */
export function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${round(x)}" y="${round(y)}"${attributes === "" ? "" : ` ${attributes}`}>${escapeHtml(content)}</text>`;
}

export type Tick = { readonly at: number; readonly text: string; readonly minor?: boolean };

/** The horizontal axis below the plot, with its name and unit. */
export function axisBelow(frame: Frame, ticks: readonly Tick[], name: string): string {
  const y = frame.height - frame.bottom;
  const marks = ticks.map(
    ({ at, text: label, minor }) =>
      `<g class="tick${minor ? " minor" : ""}"><path d="M${round(at)} ${y}v5"/>${text(at, y + 20, label, 'text-anchor="middle"')}</g>`,
  );
  const title = text(
    (frame.left + frame.width - frame.right) / 2,
    frame.height - 8,
    name,
    'class="axis-name" text-anchor="middle"',
  );
  return `<g class="axis"><path d="M${frame.left} ${y}H${frame.width - frame.right}"/>${marks.join("")}${title}</g>`;
}

/** The vertical axis left of the plot, with grid lines. Its name stands above it, so that it reads level. */
export function axisLeft(frame: Frame, ticks: readonly Tick[], name: string): string {
  const right = frame.width - frame.right;
  const marks = ticks.map(
    ({ at, text: label, minor }) =>
      `<g class="tick${minor ? " minor" : ""}"><path class="grid" d="M${frame.left} ${round(at)}H${right}"/>${text(frame.left - 8, at + 4, label, 'text-anchor="end"')}</g>`,
  );
  return `<g class="axis">${marks.join("")}${text(4, 14, name, 'class="axis-name"')}</g>`;
}

/** Two decimals of a view box unit are finer than a pixel. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Which of `total` labels to show so that at most `limit` stand beside each other; the last one always does. */
export function shownLabel(index: number, total: number, limit: number): boolean {
  const step = Math.max(1, Math.ceil(total / limit));
  return index === total - 1 || (index % step === 0 && total - 1 - index >= step / 2);
}
