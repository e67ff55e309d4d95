import type { Check, Resolution } from "../preflight/resolution.ts";
import { resolvePlan } from "../preflight/resolve.ts";
import { counted } from "../run/counted.ts";
import { defined } from "../run/defined.ts";
import type { Platform } from "../run/labels.ts";
import { systemDeps } from "./deps.ts";
import { withBar } from "./display.ts";
import { command, exitOk, exitRefused } from "./frame.ts";
import { workspaceNearby } from "./nearby.ts";
import { planRequestOf } from "./plan-options.ts";
import { assertComplete } from "./shipped.ts";

const marks: Record<Check["outcome"], string> = { ok: "ok", fixable: "fixable", halt: "HALT", not_applicable: "n/a" };

/** `deft-mcp doctor`: what preflight finds in a workspace, without planning a run. */
export const run = command("doctor", async ({ options }, io) => {
  await assertComplete();
  const deps = systemDeps(io);
  const named = await workspaceNearby(options.workspace, deps);
  const request = { ...planRequestOf(options), ...defined({ workspace: named }) };
  const found = await withBar(io, options.json, (progress) => resolvePlan(request, deps, { progress }));
  const { platform } = options;
  const { workspace, checks, warnings, unfinished_runs } = found;
  const ok = !checks.some((check) => check.outcome === "halt");
  const value = { ok, workspace, platform, checks, warnings, unfinished_runs };
  return { value, text: checksText(platform, found), exit: ok ? exitOk : exitRefused };
});

function checksText(platform: Platform, { workspace, checks, warnings }: Resolution): string {
  const lines = checks.flatMap(({ outcome, title, detail, fix }) => [
    `${marks[outcome].padEnd(8)} ${title}: ${detail}`,
    ...(fix === undefined
      ? []
      : [`         ${outcome === "fixable" ? "the server will, after approval" : "do"}: ${fix}`]),
  ]);
  const halts = checks.filter(({ outcome }) => outcome === "halt").length;
  const verdict = halts === 0 ? "Nothing here would stop a run." : `${counted(halts, "finding")} would stop a run.`;
  const notes = warnings.map((warning) => `warning  ${warning}`);
  return `${[`${workspace} on ${platform}`, "", ...lines, ...notes, "", verdict].join("\n")}\n`;
}
