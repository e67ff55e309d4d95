import { shortDuration } from "../loop/status-line.ts";
import { fullCourse } from "../loop/transitions.ts";
import type { ToolClient, ToolResult } from "../mcp/client/open.ts";
import type { Display } from "./display.ts";

export type LoopEnd = { readonly run_dir: string; readonly hard_stop: boolean; readonly report: string };

/** Drives an approved run to its end through its tools alone, as an agent would. */
export async function driveLoop(
  client: ToolClient,
  runDir: string,
  maxIterations: number,
  display: Display,
  waitSeconds: number,
): Promise<LoopEnd> {
  const course = fullCourse(maxIterations);
  for (let since = Date.now(); ; ) {
    const step = await client.call("run_stage", { run: runDir, wait_seconds: waitSeconds });
    const at = course.findIndex(({ iteration, stage }) => iteration === step.iteration && stage === step.stage);
    const isRunning = step.outcome === "running";
    const done = at + (isRunning ? Number(step.fraction ?? 0) : 1);
    display.progress(done / course.length, `${step.iteration} ${step.stage}${isRunning ? ` · ${step.progress}` : ""}`);
    if (isRunning) continue;
    for (const line of stageLines(step, runDir, (Date.now() - since) / 1000)) display.say(line);
    since = Date.now();
    if (step.outcome === "hard_stop") return await finish(client, runDir, true);
    if (String(step.next_action).startsWith("finish_loop")) return await finish(client, runDir, false);
  }
}

async function finish(client: ToolClient, runDir: string, hard_stop: boolean): Promise<LoopEnd> {
  const end = await client.call("finish_loop", { run: runDir });
  return { run_dir: runDir, hard_stop, report: String(end.report_path) };
}

/** What a stage did, with paths relative to the run. */
function stageLines(step: ToolResult, runDir: string, seconds: number): string[] {
  const { iteration, stage, summary, warnings } = step;
  const name = `${String(iteration).padEnd(8)}  ${String(stage).padEnd(11)}`;
  const said = String(summary ?? step.status_line).replaceAll(`${runDir}/`, "");
  const noted = Array.isArray(warnings) ? warnings.map((warning) => `          warning: ${warning}`) : [];
  return [`${name}  ${shortDuration(seconds).padStart(4)}  ${said}`, ...noted];
}
