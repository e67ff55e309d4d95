import { attributeText, dataText, escapeHtml } from "../report/markup.ts";
import type { Selection } from "./samples.ts";

const style = `body{font:14px system-ui,sans-serif;margin:2rem;color:#1a1a1a;background:#fff}
h1{font-size:1.2rem}p{color:#555}table{border-collapse:collapse}
th,td{padding:.4rem .6rem;text-align:center;vertical-align:middle;border-bottom:1px solid #ddd}
th{position:sticky;top:0;background:#fff}td:first-child{text-align:left;font-family:ui-monospace,monospace;font-size:12px}
img{max-width:260px;max-height:260px;image-rendering:auto;display:block;margin:auto}`;

/** One page that needs nothing but the image folders beside it; `images` are relative paths, row by row. */
export function previewPage(
  run: { readonly name: string; readonly title: string },
  selection: Selection,
  images: readonly (readonly string[])[],
): string {
  const head = selection.columns.map(
    ({ title, stage }) => `<th>${escapeHtml(title)}<br><small>${escapeHtml(stage)}</small></th>`,
  );
  const rows = selection.samples.map((sample, index) => {
    const cells = (images[index] ?? []).map(
      (source, at) =>
        `<td><img src="${escapeHtml(source)}" alt="${attributeText(`${selection.columns[at]?.title ?? ""} ${sample.id}`)}"></td>`,
    );
    const label = [sample.group, sample.id]
      .filter(Boolean)
      .map((text) => dataText(text))
      .join("<br>");
    return `<tr><td>${label}</td>${cells.join("")}</tr>`;
  });
  const dropped =
    selection.dropped.length > 0
      ? ` Not shown, no matching frames: ${selection.dropped.map(escapeHtml).join(", ")}.`
      : "";
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(run.name)}</title><style>${style}</style></head>
<body><main><h1>${escapeHtml(run.name)}</h1>
<p>${escapeHtml(run.title)}. ${selection.samples.length} samples; every row shows one frame through the stages.${dropped}</p>
<table><thead><tr><th>Sample</th>${head.join("")}</tr></thead><tbody>
${rows.join("\n")}
</tbody></table></main></body></html>
`;
}
