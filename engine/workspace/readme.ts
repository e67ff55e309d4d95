import type { WorkspaceFacts } from "./rows.ts";

export function workspaceReadme(facts: Omit<WorkspaceFacts, "workspace">): string {
  const labels = Object.keys(facts.rows.kpi);
  const rows = Object.entries(facts.rows).map(
    ([split, counts]) => `| ${split} | ${Object.values(counts).join(" | ")} |`,
  );
  return `# Generated board workspace

Every image here is drawn by a program (seed ${facts.seed}, size ${facts.size}): no board was photographed, and results on it say
nothing about a real inspection line. It has the layout of a real workspace, so the whole loop can be rehearsed.

| split | ${labels.join(" | ")} |
|---|${labels.map(() => "---").join("|")}|
${rows.join("\n")}

The seed set is small, lopsided and clean. The KPI rows and the mining pool also show shift, rotation, other light, moved
edges, dust and print, which are no defects: a model trained on the seed set alone takes some of them for defects, and
the pool can teach it better.

- \`specs/baseline_spec.yaml\`: the train spec
- \`train/base/\`, \`kpi/\`: seed, validation and KPI rows; their images are under \`kpi/images/\`
- \`augmentation/mining_pool/\`: rows to mine, with their own images
- \`augmentation/anomalygen/datasets/${facts.generator.project}/\`: clean images, cad masks and defect masks for the defect generator
- \`build_info.json\`: the figures above as data
`;
}
