import type { Toolset } from "../../tools/define.ts";

const texts: Record<Toolset, string> = {
  deft: [
    "Runs the DEFT AOI improvement loop on TAO Visual ChangeNet: baseline, root cause, routing, synthetic defects, mining, retraining, until the FAR target at the wanted recall is met.",
    "Order: preflight (shows the plan) -> approve_plan (a human says yes) -> run_stage without arguments until next_action is finish_loop -> finish_loop. loop_status tells the single next action at any time, also after a restart.",
    "After approval call run_stage again and again without asking, pass on each status_line, and stop only on a hard stop.",
  ].join("\n"),
  osmo: "Submits defect-image-generation flows to NVIDIA OSMO: submit_osmo (dry_run shows the submit), then osmo_status at the time it names, then osmo_outputs.",
};

/** What a client puts into the prompt about this server. */
export function instructions(toolsets: readonly Toolset[]): string {
  return toolsets.map((toolset) => texts[toolset]).join("\n");
}
