import type { Check } from "../preflight/resolution.ts";
import { resolvePlan } from "../preflight/resolve.ts";
import type { Platform } from "../run/labels.ts";
import { parseArguments, platformOption } from "./arguments.ts";
import { systemDeps } from "./deps.ts";
import { type CliIo, print } from "./io.ts";
import { exitOk, exitRefused, printJson, reportRefusal } from "./outcome.ts";
import { assertComplete } from "./shipped.ts";

const usage = `usage: deft-mcp doctor [--workspace DIR] [--platform embedded|docker] [--json]

Runs the checks of preflight for people. Changes nothing. Exit 2 when a finding would stop a run.
`;

const marks: Record<Check["outcome"], string> = { ok: "ok", fixable: "fixable", halt: "HALT", not_applicable: "n/a" };

/** `deft-mcp doctor`: what preflight finds in a workspace, without planning a run. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return exitOk;
  }
  const json = argv.includes("--json");
  return await reportRefusal(io, json, async () => {
    const text = { type: "string" } as const;
    const given = parseArguments(argv, { workspace: text, platform: text, json: { type: "boolean" } }, []);
    await assertComplete();
    const workspace = given.text("workspace");
    const platform = platformOption(given);
    const request = { platform, ...(workspace === undefined ? {} : { workspace }) };
    const found = await resolvePlan(request, systemDeps(io));
    const halts = found.checks.filter((check) => check.outcome === "halt").length;
    if (json) {
      const { checks, warnings, unfinished_runs } = found;
      printJson(io, { ok: halts === 0, workspace: found.workspace, platform, checks, warnings, unfinished_runs });
    } else {
      print(io.stdout, checksText(found.workspace, platform, found.checks, found.warnings));
    }
    return halts === 0 ? exitOk : exitRefused;
  });
}

function checksText(
  workspace: string,
  platform: Platform,
  checks: readonly Check[],
  warnings: readonly string[],
): string {
  const lines = checks.flatMap(({ outcome, title, detail, fix }) => [
    `${marks[outcome].padEnd(8)} ${title}: ${detail}`,
    ...(fix === undefined
      ? []
      : [`         ${outcome === "fixable" ? "the server will, after approval" : "do"}: ${fix}`]),
  ]);
  const halts = checks.filter(({ outcome }) => outcome === "halt").length;
  const verdict = halts === 0 ? "Nothing here would stop a run." : `${halts} finding(s) would stop a run.`;
  const notes = warnings.map((warning) => `warning  ${warning}`);
  return `${[`${workspace} on ${platform}`, "", ...lines, ...notes, "", verdict].join("\n")}\n`;
}
