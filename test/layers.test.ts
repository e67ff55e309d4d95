import { existsSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { cruise, type IReporterOutput } from "dependency-cruiser";

/** Top to bottom. A file imports from its own layer or from a layer below it. */
const layers = [
  "server/main.ts",
  "server/cli/",
  "server/mcp/",
  "tools/",
  "server/osmo/",
  "server/loop/",
  "server/(import|preflight|report|tokens|trace|tracking)/",
  "server/journal/",
  "server/stages/",
  "server/platforms/",
  "server/ports/",
  "server/durable/",
  "server/data/",
  "server/exec/",
  "server/kpi/",
  "server/run/",
  "server/fs/",
  "server/errors.ts",
];

type Rule = { name: string; severity: "error"; from: object; to: object };
const forbid = (name: string, from: object, to: object): Rule => ({ name, severity: "error", from, to });
const except = (...owners: string[]) => ({ path: "^(server|tools)/", pathNot: `^(${owners.join("|")})` });

const forbidden: Rule[] = [
  forbid("no cycles", {}, { circular: true }),
  ...layers.map((layer, index) =>
    forbid(`${layer} looks up`, { path: `^${layer}` }, { path: `^(${layers.slice(0, index).join("|") || "$^"})` }),
  ),
  forbid("every folder has a layer", { path: "^(server|tools)/", pathNot: `^(${layers.join("|")})` }, {}),
  forbid("every folder has a layer", {}, { path: "^(server|tools)/", pathNot: `^(${layers.join("|")})` }),
  forbid("tools are strangers", { path: "^tools/(?!index|define|fields)" }, { path: "^tools/(?!define|fields)" }),
  forbid("stages are strangers", { path: "^server/stages/(?!index)" }, { path: "^server/stages/(?!shared/)" }),
  forbid("the engine knows little", { path: "^engine/" }, { path: "^(tools/|server/(?!(data|kpi|run|fs)/|errors))" }),
  forbid("only the command line runs the engine", except("server/cli/"), { path: "^engine/" }),
  forbid("only the composition root builds executors", except("server/cli/", "server/platforms/"), {
    path: "^server/platforms/",
  }),
  forbid("only fs touches the disk", except("server/fs/", "server/exec/"), { path: "^(node:)?fs(/promises)?$" }),
  forbid("only exec and the command of a platform spawn", except("server/exec/", "server/platforms/[a-z]+/cli.ts$"), {
    path: "^((node:)?child_process$|.*node_modules/execa/)",
  }),
  forbid("only mcp knows the protocol", except("server/mcp/"), { path: "(^|/)@modelcontextprotocol/" }),
  forbid("kpi is arithmetic", { path: "^server/kpi/" }, { dependencyTypes: ["core", "npm"] }),
];

async function cruiseHouse() {
  const folders = ["server", "tools", "engine"].filter((folder) => existsSync(folder));
  const result: IReporterOutput = await cruise(folders, {
    validate: true,
    ruleSet: { forbidden },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
  });
  if (typeof result.output === "string") throw new Error(result.output);
  return result.output.summary;
}

describe("layers", () => {
  it("imports go one way only", async () => {
    const summary = await cruiseHouse();
    expect(summary.totalCruised).toBeGreaterThan(10);
    expect(summary.violations.map((found) => `${found.rule.name}: ${found.from} -> ${found.to}`)).toEqual([]);
  });
});
