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
  async handle(args, call) {
    const { statusWithWatcher } = await import("../server/osmo/watcher.ts");
    return await statusWithWatcher(call, args as StatusArgs);
  },
});
