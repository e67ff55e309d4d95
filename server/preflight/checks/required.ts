import { describeContract } from "../../kpi/metric-contract.ts";
import { estimateOf, iterationsWithin, minutesText, totalMinutes } from "../estimate.ts";
import { ok } from "../findings.ts";
import type { Missing } from "../resolution.ts";
import type { Findings, Step, Survey } from "../survey.ts";

/** What only the human can say and nothing defaults: the KPI target and the number of iterations. */
export const requiredStep: Step = {
  id: "required",
  title: "Required settings",
  async look(survey): Promise<Findings> {
    const missing: Missing[] = [];
    if (survey.contract === undefined) {
      missing.push({ field: "kpi_target", ask: "What is the KPI target, e.g. `FAR < 0.5% at recall=100%`?" });
    }
    if (survey.request.max_iterations === undefined) missing.push(iterationsQuestion(survey));
    const goal = survey.contract === undefined ? [] : [describeContract(survey.contract)];
    const detail = [...goal, ...iterationsText(survey)].join("; ");
    if (missing.length > 0) return { missing };
    return ok(detail, { warnings: limitWarning(survey) });
  },
};

function iterationsText({ request }: Survey): string[] {
  return request.max_iterations === undefined ? [] : [`at most ${request.max_iterations} iterations`];
}

/** A time limit is turned into a number of iterations, and that number is the human's to confirm. */
function iterationsQuestion(survey: Survey): Missing {
  const limit = survey.request.time_limit_minutes;
  const plain = "How many iterations at most (max_iterations has no default)?";
  if (limit === undefined) return { field: "max_iterations", ask: plain };
  const estimate = estimateOf(survey);
  if (estimate === undefined) {
    return { field: "max_iterations", ask: `${plain} A time limit is converted once the platform is known.` };
  }
  const iterations = iterationsWithin(limit, estimate);
  const figures = `baseline ~${minutesText(estimate.baseline_minutes)}, then ~${minutesText(estimate.iteration_minutes)} each`;
  return {
    field: "max_iterations",
    ask: `${minutesText(limit)} leave room for about ${iterations} iteration(s) on ${survey.platform} (${figures}). Confirm with max_iterations=${iterations}?`,
    choices: [String(iterations)],
  };
}

function limitWarning(survey: Survey): string[] {
  const { time_limit_minutes: limit, max_iterations } = survey.request;
  const estimate = estimateOf(survey);
  if (limit === undefined || max_iterations === undefined || estimate === undefined) return [];
  const total = totalMinutes(estimate, max_iterations);
  if (total <= limit) return [];
  return [
    `${max_iterations} iterations take about ${minutesText(total)}, more than the limit of ${minutesText(limit)}.`,
  ];
}
