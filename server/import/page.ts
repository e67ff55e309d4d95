import { decodePixels, type Pixels } from "../data/decode/decode-image.ts";
import { readBytes } from "../fs/read.ts";
import { attributeText, dataText, escapeHtml } from "../report/markup.ts";
import { difference, picture, scaleDown } from "../report/pictures.ts";
import type { Alignment } from "./align.ts";
import { cropPixels } from "./gray.ts";
import { motionOf, type Pair, windowOr } from "./pairing.ts";
import type { Shown } from "./parts.ts";
import type { ImportPlan } from "./plan.ts";
import { planSections } from "./plan-text.ts";
import type { Rect } from "./source.ts";
import { splitNames } from "./split.ts";

const samplesALabel = 4;
const samplesAtMost = 60;
const worstShown = 12;
const failingShown = 12;
const side = 200;

const style = `:root{color-scheme:light dark;--line:#d3d8de;--dim:#525b65}
body{font:16px/1.5 system-ui,sans-serif;max-width:1100px;margin:0 auto;padding:1.5rem;overflow-wrap:break-word}.wide{overflow-x:auto}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}p.dim,figcaption{color:var(--dim)}
table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
.samples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,320px),1fr));gap:1rem}
figure{margin:0;padding:.6rem;border:1px solid var(--line);border-radius:6px}
figure div{display:grid;grid-template-columns:repeat(3,1fr);gap:4px}
img{width:100%;height:auto;image-rendering:auto}figcaption{font-size:.85rem;margin-top:.4rem;overflow-wrap:anywhere}h1{overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){:root{--line:#3b424a;--dim:#a9b2bc}body{background:#14171a;color:#e6e9ec}}`;

/** One self-contained page of an import: its plan, samples of every label, and the pairs that lie worst. */
export async function importPage(plan: ImportPlan): Promise<string> {
  const pairs = splitNames.flatMap((name) => plan.splits[name]);
  const worst = [...pairs].filter(({ alignment }) => alignment.correlation !== null);
  worst.sort((a, b) => (a.alignment.correlation ?? 0) - (b.alignment.correlation ?? 0));
  const labels = [...new Set(pairs.map(({ label }) => label))];
  const each = Math.max(1, Math.min(samplesALabel, Math.floor(samplesAtMost / labels.length)));
  const groups = labels.map((label) => ({ title: label, shown: spread(pairs, label, each) }));
  const failing = plan.left_out.flatMap(({ name, why, tried }) => (tried ? [{ name, why, tried }] : []));
  const failed = await Promise.all(
    failing.slice(0, failingShown).map(({ name, why, tried }) => figureOf(tried, name, why)),
  );
  const sections = [
    `<h2>Pairs that lie worst</h2><p class="dim">If these show the same place, all others do.</p>`,
    grid(await figures(worst.slice(0, worstShown))),
    ...(failed.length === 0 ? [] : [`<h2>Left out as no pairs: ${failing.length}</h2>`, grid(failed)]),
  ];
  for (const { title, shown } of groups) {
    sections.push(`<h2>Samples: ${dataText(title)}</h2>`, grid(await figures(shown)));
  }
  for (const { title, rows } of planSections(plan)) sections.push(`<h2>${escapeHtml(title)}</h2>${tableOf(rows)}`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Import of ${attributeText(plan.source)}</title><style>${style}</style></head>
<body><main><h1>Import of ${dataText(plan.source)}</h1>
<p>Look at these before anything is trained on them: is each label right, and do both images show the same place? Every
sample shows the inspected image, its golden image and where they differ, the golden image moved as it was measured.</p>
${sections.join("\n")}
</main></body></html>
`;
}

function spread(pairs: readonly Pair[], label: string, count: number): Pair[] {
  const all = pairs.filter((pair) => pair.label === label);
  const step = Math.max(1, all.length / count);
  return Array.from({ length: Math.min(count, all.length) }, (_, at) => all[Math.floor(at * step)] as Pair);
}

function tableOf(rows: readonly (readonly string[])[]): string {
  const lines = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${dataText(cell)}</td>`).join("")}</tr>`);
  return `<div class="wide"><table>${lines.join("")}</table></div>`;
}

function grid(made: readonly string[]): string {
  return `<div class="samples">${made.join("\n")}</div>`;
}

async function figures(pairs: readonly Pair[]): Promise<string[]> {
  const made: string[] = [];
  for (const pair of pairs) {
    const { alignment, label, image, rule, window, golden_window } = pair;
    const { dx_px, dy_px } = motionOf(pair);
    const lies = alignment.correlation === null ? "flat" : `correlation ${alignment.correlation.toFixed(2)}`;
    const [file = "", golden = ""] = [Object.values(pair.files)[0], Object.values(pair.goldens)[0]];
    const text = `golden by ${rule}, ${lies}, moved by ${dx_px}, ${dy_px} px`;
    made.push(await figureOf({ file, window, golden, golden_window }, `${label} · ${image.name}`, text, alignment));
  }
  return made;
}

/** Inspected image, golden image, and where they differ once the golden one is laid over the other. */
async function figureOf(
  shown: Shown,
  title: string,
  text: string,
  { dx_px, dy_px }: Pick<Alignment, "dx_px" | "dy_px"> = { dx_px: 0, dy_px: 0 },
): Promise<string> {
  const [inspected, golden] = [await partOf(shown.file, shown.window), await partOf(shown.golden, shown.golden_window)];
  if (inspected === undefined || golden === undefined) return "";
  const laid = cropPixels(golden, { ...golden, x: Math.round(dx_px), y: Math.round(dy_px) });
  const small = scaleDown(inspected, side);
  const images = {
    inspected: small,
    golden: scaleDown(golden, side),
    difference: difference(small, scaleDown(laid, side)),
  };
  const elements = Object.entries(images).map(
    ([what, pixels]) => `<img src="${picture(pixels).uri}" alt="${what}: ${attributeText(title)}">`,
  );
  const caption = `${dataText(title)}<br>${dataText(text)}`;
  return `<figure><div>${elements.join("")}</div><figcaption>${caption}</figcaption></figure>`;
}

async function partOf(path: string, window: Rect | undefined): Promise<Pixels | undefined> {
  const whole = decodePixels(await readBytes(path));
  return whole && cropPixels(whole, windowOr(window, whole));
}
