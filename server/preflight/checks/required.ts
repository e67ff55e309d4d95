import { describeContract } from "../../kpi/metric-contract.ts";
import { doubtsAbout } from "../../kpi/target-text.ts";
import { type Estimate, estimateOf, iterationsWithin, minutesText, totalMinutes } from "../estimate.ts";
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
    const doubts = survey.contract === undefined ? [] : doubtsAbout(survey.contract);
    if (doubts.length > 0) {
      const ask = `Is \`${survey.request.kpi_target}\` the KPI target that is meant? ${doubts.join("; ")}.`;
      missing.push({ field: "kpi_target", ask });
    }
    if (survey.request.max_iterations === undefined) missing.push(iterationsQuestion(survey));
    const goal = survey.contract === undefined ? [] : [describeContract(survey.contract)];
    const detail = [...goal, ...iterationsText(survey)].join("; ");
    if (missing.length > 0) return { missing };
    return ok(detail, { warnings: [...limitWarning(survey), ...unusedSettings(survey)] });
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

/** Settings that the chosen mining rule does not look at. */
function unusedSettings({ parameters }: Survey): string[] {
  const given = ["rows_per_iteration", "mined_pass_pct"].filter((name) => parameters[name] !== undefined);
  if (given.length === 0 || parameters.mining?.value === "pool_error") return [];
  return [`${given.join(" and ")} ${given.length === 1 ? "changes" : "change"} nothing under the mining rule vendor.`];
}

function limitWarning(survey: Survey): string[] {
  const { time_limit_minutes: limit, max_iterations } = survey.request;
  const estimate = estimateOf(survey);
  if (limit === undefined || max_iterations === undefined || estimate === undefined) return [];
  const live = survey.runs.find(({ run_id }) => run_id === (survey.request.run ?? survey.request.resume));
  if (live !== undefined) return [liveLimitText(limit, estimate, live.current_iteration ?? 0)];
  const total = totalMinutes(estimate, max_iterations);
  if (total <= limit) return [];
  return [
    `${max_iterations} iterations take about ${minutesText(total)}, more than the limit of ${minutesText(limit)}.`,
  ];
}

/** A limit is a number of iterations once it was confirmed; of a live run that number is what can change. */
function liveLimitText(limit: number, { iteration_minutes }: Estimate, current: number): string {
  const more = Math.max(0, Math.floor(limit / iteration_minutes));
  return `A time limit changes nothing in a live run by itself: ${minutesText(limit)} leave room for about ${more} more iteration(s); pass max_iterations=${Math.max(1, current + more)} to hold it.`;
}
