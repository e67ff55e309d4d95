import { z } from "zod";
import type { StatusArgs } from "../server/osmo/status.ts";
import { defineTool } from "./define.ts";

export const osmoStatus = defineTool({
  name: "osmo_status",
  title: "Status of an OSMO workflow",
  description:
    "Status, tasks, failure with remedy, log tail or events of an OSMO workflow, when to look again; without run all runs.",
  toolset: "osmo",
  input: z.strictObject({
    run: z.string().optional().describe("workflow id or run name"),
    task: z.string().optional().describe("show this task's log"),
    lines: z.int().min(1).max(5000).optional(),
    events: z.boolean().default(false),
    wait_seconds: z.number().min(0).max(3000).optional().describe("for its end"),
  }),
  // Loose: the report types hold the rest, and every listed key is paid for in every session.
  output: z.looseObject({
    status_line: z.string(),
    workflow_id: z.string(),
    status: z.string(),
    terminal: z.boolean(),
    next_look_sec: z.number().optional(),
  }),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  searchHint: "OSMO workflow query logs events failure",
  lasting: {
    lasts: ({ wait_seconds }) => Number(wait_seconds) > 0,
    look: { wait_seconds: 0 },
    goOn: ({ terminal, workflow_id: run }, { wait_seconds: _over, ...given }) =>
      terminal === false ? { ...given, run } : undefined,
  },
  async handle({ wait_seconds = 0, ...args }, call) {
    const { statusAwaited } = await import("../server/osmo/watcher.ts");
    return await statusAwaited(call, args as StatusArgs, wait_seconds);
  },
});
