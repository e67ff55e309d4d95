import type { FlowId } from "./flow.ts";

/** One column of a preview: images of one stage whose keys match; `group` and `stem` say which sample they show. */
type Column = { readonly title: string; readonly stage: string; readonly pattern: RegExp };

const image = String.raw`\.(?:png|jpg|jpeg)$`;
const column = (title: string, stage: string, path: string): Column => ({
  title,
  stage,
  pattern: new RegExp(`^${path}${image}`, "i"),
});

const cell = String.raw`crop/(?<material>[^/]+)/(?<cell>x\d+_y\d+)`;
const rendered = [
  column("OV render", "usd2roi-components", `${cell}/normal_img/(?<stem>[^/]+)`),
  column("OV cad mask", "usd2roi-components", `${cell}/cad_mask/(?<stem>[^/]+)_cad_mask`),
  column("Restyled", "augment", `${cell}/(?<stem>[^/]+)`),
];

/** What a flow's runs can show, in the order of its stages; flows without images are absent. */
export const previewColumns: Partial<Record<FlowId, readonly Column[]>> = {
  good_image_generation: rendered,
  texture_defect_generation_day0: [
    ...rendered,
    column("Defect", "anomaly", String.raw`inference/reconstructed_image/(?<cell>x\d+_y\d+)__(?<stem>[^/]+)`),
  ],
  structural_defect_generation: [
    column("OV render", "structural_defect", "cropped/(?<mode>[^/]+)/rgb/(?<stem>[^/]+)"),
    column("OV segmentation", "structural_defect", "cropped/(?<mode>[^/]+)/semantic_segmentation/(?<stem>[^/]+)"),
    column("Restyled", "structural_defect_edited", "(?<mode>[^/]+)/rgb/(?<stem>[^/]+)"),
  ],
  texture_defect_generation_day1_real_alignment: [
    column("Registered photo", "usd2roi-day1", "crop/(?<material>[^/]+)/normal_img/(?<stem>[^/]+)"),
    column("OV cad mask", "usd2roi-day1", "crop/(?<material>[^/]+)/cad_mask/(?<stem>[^/]+?)(?:_cad_mask)?"),
    column("Defect", "anomaly", "inference/reconstructed_image/(?<stem>[^/]+)"),
  ],
  texture_defect_generation_day1_manual_roi: [
    column("Original image", "anomaly", "inference/original_image/(?<stem>[^/]+)"),
    column("Original mask", "anomaly", "inference/original_mask/(?<stem>[^/]+)"),
    column("Defect", "anomaly", "inference/reconstructed_image/(?<stem>[^/]+)"),
  ],
};

export type Sample = { readonly id: string; readonly group: string; readonly keys: readonly string[] };
export type Selection = {
  readonly columns: readonly { readonly title: string; readonly stage: string }[];
  readonly samples: readonly Sample[];
  /** Titles of columns without a matching image. */
  readonly dropped: readonly string[];
};

type Shown = { readonly column: Column; readonly byId: ReadonlyMap<string, { key: string; group: string }> };

/**
 * Chooses samples that every shown column has: one of each material and cell (or mode) when there are enough of them,
 * else evenly spaced ones of all. A column that shares no sample with the first is dropped rather than showing other frames.
 *
 * `keys` are relative to their stage. A name that two materials share is left out: it could pair wrong frames.
 */
export function selectSamples(
  columns: readonly Column[],
  keys: Readonly<Record<string, readonly string[]>>,
  count: number,
): Selection {
  const withMode = columns.some(({ pattern }) => pattern.source.includes("<mode>"));
  const shown = columns.map((each): Shown => ({ column: each, byId: indexOf(each, keys[each.stage] ?? [], withMode) }));
  const [first, ...rest] = shown;
  if (!first || first.byId.size === 0) return { columns: [], samples: [], dropped: columns.map(({ title }) => title) };
  let kept = [first];
  for (const next of rest) {
    if (commonIds([...kept, next]).length > 0) kept = [...kept, next];
  }
  const ids = commonIds(kept);
  const samples = spread(ids, first, count).map((id) => ({
    id,
    group: first.byId.get(id)?.group ?? "",
    keys: kept.map(({ byId }) => byId.get(id)?.key ?? ""),
  }));
  const titles = new Set(kept.map(({ column: { title } }) => title));
  return {
    columns: kept.map(({ column: { title, stage } }) => ({ title, stage })),
    samples,
    dropped: columns.map(({ title }) => title).filter((title) => !titles.has(title)),
  };
}

function indexOf({ pattern }: Column, keys: readonly string[], withMode: boolean) {
  const byId = new Map<string, { key: string; group: string }>();
  const doubled = new Set<string>();
  for (const key of [...keys].sort()) {
    const parts = pattern.exec(key)?.groups;
    if (!parts) continue;
    const group = [parts.material, parts.cell, parts.mode].filter(Boolean).join("/");
    // Results name cell and stem but no material, so the id must not either; a mode stands in every path.
    const id = [withMode ? parts.mode : parts.cell, parts.stem].filter(Boolean).join("__");
    if (byId.has(id)) doubled.add(id);
    byId.set(id, { key, group });
  }
  for (const id of doubled) byId.delete(id);
  return byId;
}

function commonIds(shown: readonly Shown[]): string[] {
  const [first, ...rest] = shown;
  return [...(first?.byId.keys() ?? [])].filter((id) => rest.every(({ byId }) => byId.has(id))).sort();
}

function spread(ids: readonly string[], first: Shown, count: number): string[] {
  const representatives = new Map<string, string>();
  for (const id of ids) {
    const group = first.byId.get(id)?.group ?? "";
    if (!representatives.has(group)) representatives.set(group, id);
  }
  const pool = representatives.size >= count ? [...representatives.values()].sort() : ids;
  const shownCount = Math.min(count, pool.length);
  return Array.from({ length: shownCount }, (_, index) => pool[Math.floor((index * pool.length) / shownCount)] ?? "");
}
