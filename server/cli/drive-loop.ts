import { fullCourse } from "../loop/transitions.ts";
import type { ToolClient, ToolResult } from "../mcp/client/open.ts";
import { shortDuration, summaryShown } from "../run/figures.ts";
import type { Display } from "./display.ts";
import { type CliIo, tell } from "./io.ts";

/** Drives an approved run until no stage is left or one stopped it, through its tools alone, as an agent would. */
export async function driveLoop(
  client: ToolClient,
  runDir: string,
  maxIterations: number,
  display: Display,
  waitSeconds: number,
): Promise<"ended" | "hard_stop"> {
  const course = fullCourse(maxIterations);
  for (let since = performance.now(); ; ) {
    const step = await client.call("run_stage", { run: runDir, wait_seconds: waitSeconds });
    const at = course.findIndex(({ iteration, stage }) => iteration === step.iteration && stage === step.stage);
    const isRunning = step.outcome === "running";
    const done = at + (isRunning ? Number(step.fraction ?? 0) : 1);
    display.progress(done / course.length, `${step.iteration} ${step.stage}${isRunning ? ` · ${step.progress}` : ""}`);
    if (isRunning) continue;
    for (const line of stageLines(step, runDir, (performance.now() - since) / 1000)) display.say(line);
    since = performance.now();
    if (step.outcome === "hard_stop") return "hard_stop";
    if (String(step.next_action).startsWith("finish_loop")) return "ended";
  }
}

/** Closes a run; its report is the one that its end writes. */
export async function closeRun(client: ToolClient, runDir: string, display: Display): Promise<void> {
  display.progress(1, "scoring the best model again, best_model.json, report");
  await client.call("finish_loop", { run: runDir });
}

/** Ctrl-C ends the command and its server; the run is on disk, and a job that was started goes on. */
export async function leavable<T>(runDir: string, io: CliIo, display: Display, work: () => Promise<T>): Promise<T> {
  const leave = (signal: "SIGINT" | "SIGTERM") => {
    display.close();
    tell(io, io.stderr, `\nLeft the run where it is: deft-mcp status ${runDir}\n`);
    tell(io, io.stderr, `It goes on with:          deft-mcp run --resume ${runDir}\n`);
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, leave);
  try {
    return await work();
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, leave);
  }
}

/** What a stage did, with paths relative to the run. */
function stageLines(step: ToolResult, runDir: string, seconds: number): string[] {
  const { iteration, stage, summary, warnings } = step;
  const name = `${String(iteration).padEnd(8)}  ${String(stage).padEnd(11)}`;
  const said = summaryShown(String(summary ?? step.status_line), runDir);
  const noted = Array.isArray(warnings) ? warnings.map((warning) => `          warning: ${warning}`) : [];
  return [`${name}  ${shortDuration(seconds).padStart(4)}  ${said}`, ...noted];
}
