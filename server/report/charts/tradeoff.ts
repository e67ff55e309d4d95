import { scaleLinear, scaleSqrt } from "d3-scale";
import { curveStepAfter, line } from "d3-shape";
import { recallTargetPct } from "../../kpi/metric-contract.ts";
import type { MetricContract } from "../../run/metric.ts";
import { pct, score } from "../format.ts";
import type { KpiView } from "../model.ts";
import { axisBelow, axisLeft, chart, standardFrame as frame, round, text } from "./frame.ts";

const farTicks = [0, 1, 5, 10, 25, 50, 100];

/** Recall over FAR for every threshold, with the point where the run works and the corner that the target asks for. */
export function tradeoffChart(view: KpiView, contract: MetricContract | undefined, at: number): string {
  const x = scaleSqrt([0, 100], [frame.left, frame.width - frame.right]);
  const y = scaleLinear([0, 100], [frame.height - frame.bottom, frame.top + 6]);
  const path = line<KpiView["curve"][number]>(
    (step) => x(step.far_pct),
    (step) => y(step.recall_pct),
  ).curve(curveStepAfter);
  const far = 100 * view.point.far;
  const recall = 100 * view.point.recall;
  const body = [
    axisLeft(
      frame,
      y.ticks(5).map((value) => ({ at: y(value), text: `${value}%` })),
      "recall (% of NO_PASS parts flagged)",
    ),
    axisBelow(
      frame,
      farTicks.map((value) => ({
        at: x(value),
        text: `${value}%`,
        minor: value === 5 || value === 25,
      })),
      "FAR (% of PASS parts flagged, square-root scale)",
    ),
    goal(contract, x, y),
    `<path class="series" d="${path(view.curve) ?? ""}"/>`,
    Number.isFinite(far) && Number.isFinite(recall)
      ? `<circle class="dot best" data-dot data-far="${far}" data-recall="${recall}" data-left="${frame.left}" data-right="${frame.width - frame.right}" data-top="${frame.top + 6}" data-bottom="${frame.height - frame.bottom}" cx="${round(x(far))}" cy="${round(y(recall))}" r="7"/>`
      : "",
  ];
  const description = `Recall over FAR of ${view.label}. At the run's threshold ${score(view.point.threshold)} recall is ${pct(recall)} and FAR ${pct(far)}. ${view.recalls.map(({ min_recall, point }) => `At recall ${pct(100 * min_recall)} the lowest FAR is ${pct(100 * point.far)}.`).join(" ")}`;
  return chart(`tradeoff-${at}`, frame, { title: `Recall over FAR of ${view.label}`, description }, body.join(""));
}

/** The area in which a point meets a FAR contract. */
function goal(contract: MetricContract | undefined, x: (v: number) => number, y: (v: number) => number): string {
  if (contract?.name !== "far_pct") return "";
  const right = round(x(contract.target));
  const low = round(y(recallTargetPct(contract)));
  const edge = `<path class="target" d="M${right} ${round(y(0))}V${round(y(100))}"/>`;
  return `${edge}${text(right + 6, y(0) - 8, `target FAR ${contract.operator} ${pct(contract.target)}`, 'class="target-name"')}<path class="target faint" d="M${round(x(0))} ${low}H${round(x(100))}"/>`;
}
