import { z } from "zod";
import { countMeanings } from "../server/osmo/counting.ts";
import { flowIds } from "../server/osmo/flow.ts";
import type { SubmitArgs } from "../server/osmo/submit.ts";
import type { SubmitReport } from "../server/osmo/submit-report.ts";
import { keyValuesField, listOrText } from "../server/run/key-values.ts";
import { defineTool } from "./define.ts";

export const submitOsmo = defineTool({
  name: "submit_osmo",
  title: "Submit a defect-image flow to OSMO",
  description:
    "Plans (dry_run) or submits one defect-image or setup flow. Say all in arguments; `request` is checked against them, and what ends nowhere is asked. A submit needs a human's yes.",
  toolset: "osmo",
  input: z.strictObject({
    request: z.string().max(2000).optional().describe("the user's words"),
    flow: z.enum(flowIds).optional(),
    usecase: z.string().optional(),
    board: z.string().optional(),
    count: z.int().min(1).max(1000000).optional(),
    count_means: z.enum(countMeanings).optional(),
    knobs: keyValuesField(z.unknown(), listOrText).optional().describe("KEY=VALUE; dig_url_root: storage root"),
    pool: z.string().optional(),
    pair_with: z.string().optional().describe("other ChangeNet half, or new"),
    dry_run: z.boolean().default(false),
    no_probe: z.boolean().default(false),
    workspace: z.string().optional(),
    flows_dir: z.string().optional().describe("the vendor's flow files instead of ours"),
    words: z.string().max(2000).optional().describe("the human's answer to the summary, verbatim"),
  }),
  // Loose: the report types hold the rest, and every listed key is paid for in every session.
  output: z.looseObject({
    status_line: z.string(),
    outcome: z.enum(["planned", "submitted", "recovered"]),
    plan_id: z.string(),
    name: z.string().optional(),
    workflow_id: z.string().optional(),
    submit_command: z.string(),
    next_look_sec: z.number().optional(),
  }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  alwaysLoad: true,
  searchHint: "OSMO synthetic defect images tombstone solder bridge good image finetune AnomalyGen setup",
  async handle(args, call): Promise<SubmitReport> {
    const { asksForPlan } = await import("../server/osmo/sentence/understand.ts");
    const { planOnly, submitFlow } = await import("../server/osmo/submit.ts");
    const { dryRunReport, submitReport } = await import("../server/osmo/submit-report.ts");
    const wanted = args as SubmitArgs;
    const dry_run = wanted.dry_run === true || asksForPlan(wanted.request);
    const rest = { ...wanted, dry_run };
    return dry_run ? dryRunReport(await planOnly(call, rest)) : submitReport(call, await submitFlow(call, rest));
  },
});
