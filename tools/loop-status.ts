import { z } from "zod";
import { metricPhrase } from "../server/loop/status-line.ts";
import { describeAction, type NextAction, nextCall } from "../server/loop/transitions.ts";
import { runOfCall } from "../server/loop/which-run.ts";
import { defined } from "../server/run/defined.ts";
import { iterationLabel, type StageRef } from "../server/run/labels.ts";
import { membersOf } from "../server/run/record.ts";
import type { RunState } from "../server/run/state.ts";
import { defineTool, nextCallField, runField, trustField, workspaceField } from "./define.ts";

const event = z.object({
  seq: z.number(),
  iter: z.string(),
  stage: z.string(),
  status: z.string(),
  summary: z.string(),
});

export const loopStatus = defineTool({
  name: "loop_status",
  title: "Where the DEFT run stands",
  description:
    "Where a DEFT run stands, from disk: iteration, metric, last five events, running job, hard stop, the single next action. Cheap; for after a restart or when unsure.",
  toolset: "deft",
  input: z.strictObject({ run: runField, workspace: workspaceField }),
  output: z.object({
    status_line: z.string(),
    run_dir: z.string(),
    status: z.string(),
    current_iteration: z.number(),
    max_iterations: z.number(),
    metric: z.string(),
    next_action: z.string(),
    next_call: nextCallField,
    running: z
      .object({ id: z.string(), message: z.string(), fraction: z.number().optional(), log_path: z.string() })
      .optional(),
    last_events: z.array(event),
    hard_stop: z.object({ code: z.string(), message: z.string(), iteration: z.string(), stage: z.string() }).optional(),
    ways_out: z.array(z.string()).optional(),
    integrity: z.string(),
    report: z.string(),
    report_path: z.string().optional(),
    notes: z.array(z.string()),
    still_wrong: trustField,
  }),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  alwaysLoad: true,
  searchHint: "progress state next action resume DEFT loop",
  async handle(args, call) {
    const { loopStatus: status } = await import("../server/loop/status.ts");
    const { trustIn } = await import("../server/loop/trust.ts");
    const { stopSeen } = await import("../server/loop/approval/pending-stop.ts");
    const runDir = await runOfCall(args, call, { orLatest: true });
    const { run, next: due, running, report, reportPath } = await status(runDir, call.deps);
    const { state } = run;
    const stop = state.hard_stop;
    const seen = await stopSeen(run);
    const tampered = seen?.code === "state.tampered" ? seen : undefined;
    const next = tampered === undefined || due.action !== "run_stage" ? due : afterEdit(due);
    call.connection.notes.set(`status:${runDir}`, true);
    call.connection.notes.set(`stop:${runDir}`, seen?.mark);
    return {
      status_line: `${metricPhrase(state)} · ${running ? running.message : state.status} · next: ${describeAction(next)}`,
      run_dir: runDir,
      status: state.status,
      current_iteration: state.current_iteration,
      max_iterations: state.max_iterations,
      metric: metricPhrase(state),
      next_action: describeAction(next),
      ...defined({ next_call: nextCall(next, runDir) }),
      ...defined({ running: running || undefined }),
      last_events: run.entries
        .slice(-5)
        .map(({ seq, iter, stage, status, summary }) => ({ seq, iter, stage, status, summary })),
      ...(stop
        ? { hard_stop: { code: stop.code, message: stop.message, iteration: stop.iteration, stage: stop.stage } }
        : {}),
      ...defined({ ways_out: stop || tampered ? waysOut(tampered?.code ?? stop?.code ?? "") : undefined }),
      integrity: tampered === undefined ? "intact" : tamperedText(tampered),
      report,
      ...defined({ report_path: report === "absent" ? undefined : reportPath }),
      notes: [...run.notes, ...lastRemark(state), ...spotCheck(state)],
      ...defined({ still_wrong: await trustIn(state, 3) }),
    };
  },
});

/** What run_stage would refuse is no next action. */
function afterEdit({ iteration, stage }: StageRef): NextAction {
  return { action: "acknowledge_or_finish", code: "state.tampered", iteration, stage };
}

function tamperedText({ message, facts }: { readonly message: string; readonly facts: unknown }): string {
  const { changed } = membersOf(facts);
  return Array.isArray(changed) ? `${message}: ${changed.join(", ")}` : message;
}

/** Of the last iteration that was measured. */
function lastRemark({ iterations, current_iteration }: RunState): string[] {
  const labels = [iterationLabel(current_iteration), iterationLabel(Math.max(0, current_iteration - 1))];
  const last = labels.map((label) => iterations[label]).find((one) => one?.far_pct !== undefined);
  return last?.gain_remark === undefined ? [] : [last.gain_remark];
}

/** Where the weakest parts are laid out for a person, and what the scores make suspect of them. */
function spotCheck({ iterations }: RunState): string[] {
  const last = Object.values(iterations).findLast((one) => one.rca_spot_check !== undefined);
  if (last?.rca_spot_check === undefined) return [];
  const suspected = Object.entries(last.rca_suspected_causes ?? {}).map(([cause, count]) => `${count} ${cause}`);
  return [`Look at the weakest parts: ${last.rca_spot_check} (suspected: ${suspected.join(", ")}).`];
}

function waysOut(code: string): string[] {
  const repair = "repair the cause and let a human acknowledge_stop";
  return code === "state.tampered" ? [repair] : [repair, `finish_loop with stop_reason hard_stop:${code}`];
}
