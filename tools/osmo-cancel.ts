import { z } from "zod";
import type { CancelArgs } from "../server/osmo/cancel.ts";
import { defineTool } from "./define.ts";

export const osmoCancel = defineTool({
  name: "osmo_cancel",
  title: "Cancel an OSMO workflow",
  description: "Cancels an OSMO workflow of this user after a human agreed to the reason. Running work is lost.",
  toolset: "osmo",
  input: z.strictObject({
    run: z.string().optional(),
    reason: z.string().min(3).max(500).describe("the suspected failure"),
    words: z.string().max(2000).optional(),
  }),
  output: z.looseObject({ status_line: z.string(), workflow_id: z.string() }),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  async handle(args, call) {
    const { cancelWorkflow } = await import("../server/osmo/cancel.ts");
    return await cancelWorkflow(call, args as CancelArgs);
  },
});
