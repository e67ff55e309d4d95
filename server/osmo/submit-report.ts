import type { Call } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import type { Cost } from "./cost.ts";
import { type SubmitPlan, shownCommand } from "./plan.ts";
import { nextLookSec } from "./quiet.ts";
import type { Submitted } from "./submit.ts";

/** A plan or a submit in five sections, with what a caller needs to go on. */
export type SubmitReport = {
  status_line: string;
  outcome: "planned" | "submitted" | "recovered";
  plan_id: string;
  name?: string;
  workflow_id?: string;
  overview?: string;
  preflights: string[];
  required_url_artifacts: string[];
  submit_command: string;
  monitoring: string[];
  output_location: string[];
  notes: string[];
  cost: Cost;
  next_look_sec?: number;
  reference?: string;
};

/** The five sections in the order in which they are read, then notes and cost. */
function sections(plan: SubmitPlan, found: Pick<SubmitReport, "preflights" | "monitoring" | "output_location">) {
  return {
    preflights: found.preflights,
    required_url_artifacts: [...plan.artifacts],
    submit_command: shownCommand(plan.argv),
    monitoring: found.monitoring,
    output_location: found.output_location,
    notes: [...plan.notes],
    cost: plan.cost,
  };
}

/** What a dry run answers: nothing was asked of OSMO, and a submit will stamp a fresh name. */
export function dryRunReport(plan: SubmitPlan): SubmitReport {
  const { flow } = plan.settled;
  const endpoint = flow.knobs.image_edit_endpoint
    ? [`image-edit endpoint: ${plan.settled.values.image_edit_endpoint}`]
    : [];
  return {
    status_line: `${flow.title}: planned, nothing submitted. A submit stamps a fresh name.`,
    outcome: "planned",
    plan_id: plan.plan_id,
    ...defined({ name: plan.name || undefined }),
    ...sections(plan, {
      preflights: ["credential hf-token", "pod template", "required artifacts", "run name is free", ...endpoint],
      monitoring: [
        "osmo_status with the workflow id; first look after 5 minutes",
        "deft-mcp osmo watch WORKFLOW_ID --detach goes on when the client is gone",
      ],
      output_location: [...plan.outputs],
    }),
  };
}

/** What a submit answers. The flow's page is named once a conversation. */
export function submitReport(call: Call, done: Submitted): SubmitReport {
  const { plan, submission, findings } = done;
  const { flow } = plan.settled;
  const id = submission.workflow_id ?? "";
  const seen = `osmo.reference:${flow.id}`;
  const first = !call.connection.notes.has(seen);
  call.connection.notes.set(seen, true);
  const look = nextLookSec("new", flow.id);
  const location = plan.outputs.map((url) =>
    submission.name && plan.name ? url.replace(plan.name, submission.name) : url,
  );
  return {
    status_line: done.recovered
      ? `An earlier submit of this plan was taken as ${id}; nothing was sent again.`
      : `Submitted as ${id}${submission.name ? `, run ${submission.name}` : ""}.`,
    outcome: done.recovered ? "recovered" : "submitted",
    plan_id: plan.plan_id,
    ...defined({ name: submission.name || undefined }),
    workflow_id: id,
    ...defined({ overview: submission.overview || undefined }),
    ...sections(plan, {
      preflights: findings.map(({ check, state, detail }) => `${check}: ${state}, ${detail}`),
      monitoring: [`osmo_status ${id}`, `deft-mcp osmo watch ${id} --detach`],
      output_location: location,
    }),
    ...defined({
      next_look_sec: look || undefined,
      reference: first ? `deft://reference/flows/${flow.id}` : undefined,
    }),
  };
}
