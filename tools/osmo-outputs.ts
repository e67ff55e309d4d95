import { z } from "zod";
import type { OutputArgs } from "../server/osmo/outputs.ts";
import { defineTool } from "./define.ts";

export const osmoOutputs = defineTool({
  name: "osmo_outputs",
  title: "Outputs of an OSMO run",
  description:
    "Fetches outputs of a run: `preview`, a page of samples aligned across stages, or `archive`, one zip with logs.",
  toolset: "osmo",
  input: z.strictObject({
    run: z.string().optional(),
    mode: z.enum(["preview", "archive"]).default("preview"),
    samples: z.int().min(5).max(10).optional(),
    target_dir: z.string().optional(),
    workspace: z.string().optional(),
    flow: z.string().optional().describe("with root: a run submitted elsewhere"),
    root: z.string().optional(),
    words: z.string().max(2000).optional(),
  }),
  // Loose: the report types hold the rest, and every listed key is paid for in every session.
  output: z.looseObject({ status_line: z.string(), path: z.string().optional() }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  lasting: {},
  async handle(args, call) {
    const { fetchOutputs } = await import("../server/osmo/outputs.ts");
    return await fetchOutputs(call, args as OutputArgs);
  },
});
