/** What a client was tried for, in the order of the table's columns. */
export const features = [
  "list",
  "call",
  "elicitation",
  "progress",
  "cancel",
  "resources",
  "prompts",
  "completion",
] as const;
export type Feature = (typeof features)[number];

/** One client: each feature it was seen to use; of the rest, `without` is what it has no way to use. */
type Row = {
  readonly name: string;
  readonly version: string;
  readonly era: string;
  readonly seen: readonly Feature[];
  readonly without: readonly Feature[];
};

const all = features;
const every = (but: readonly Feature[]) => features.filter((feature) => !but.includes(feature));

/** Every client of the `clients` suite, which holds what it saw against its row; README and references/clients.md show it. */
export const clientTable = {
  sdkAuto: { name: "Python SDK `mcp`, `auto`", version: "2.3.0", era: "2026-07-28", seen: all, without: [] },
  sdkModern: { name: "the same, `2026-07-28`", version: "2.3.0", era: "2026-07-28", seen: all, without: [] },
  sdkLegacy: { name: "the same, `legacy`", version: "2.3.0", era: "2025-11-25", seen: all, without: [] },
  fastmcp: { name: "FastMCP", version: "4.2.3", era: "2026-07-28", seen: all, without: [] },
  agents: {
    name: "openai-agents, 16 of 16 tools strict",
    version: "0.24.0",
    era: "2026-07-28",
    seen: ["list", "call", "cancel", "resources", "prompts"],
    without: ["elicitation", "progress", "completion"],
  },
  langchain: {
    name: "langchain-mcp-adapters",
    version: "0.3.2",
    era: "2025-11-25",
    seen: every(["completion"]),
    without: ["completion"],
  },
  inspectorCli: {
    name: "MCP Inspector, command line",
    version: "2.12.0",
    era: "both",
    seen: ["list", "call", "resources", "prompts"],
    without: ["elicitation", "progress"],
  },
  inspectorWeb: {
    name: "the same, web page in Chromium",
    version: "2.12.0",
    era: "both",
    seen: ["list", "call"],
    without: [],
  },
  claudeCode: { name: "Claude Code, connected without a login", version: "2.1.330", era: "", seen: [], without: [] },
} as const satisfies Record<string, Row>;

/** The table as the documents have it: `yes` is proved by a test, `no` is a client's lack, the rest was not tried. */
export function clientRows(): string {
  const rows: readonly Row[] = Object.values(clientTable);
  const head = ["client", "version", "era", ...features];
  const cellOf = ({ seen, without }: Row, feature: Feature) =>
    seen.includes(feature) ? "yes" : without.includes(feature) ? "no" : "";
  const lines = rows.map((row) => [row.name, row.version, row.era, ...features.map((feature) => cellOf(row, feature))]);
  const bar = head.map(() => "---");
  return [head, bar, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** What a client's script told, as the features that it shows. */
export function featuresSeen(told: Readonly<Record<string, unknown>>): Feature[] {
  const shown: Readonly<Record<Feature, unknown>> = {
    list: told.tools,
    call: told.plan_id,
    elicitation: told.asked,
    progress: told.progress,
    cancel: told.cancelled,
    resources: told.read,
    prompts: told.prompt,
    completion: told.completed,
  };
  const isThere = (value: unknown) => (Array.isArray(value) ? value.length > 0 : Boolean(value));
  return features.filter((feature) => isThere(shown[feature]));
}
