import { scalePoint, scalePow } from "d3-scale";
import { line } from "d3-shape";
import type { MetricContract } from "../../run/metric.ts";
import { valueText } from "../outcome.ts";
import { axisBelow, axisLeft, chart, standardFrame as frame, round, shownLabel, type Tick, text } from "./frame.ts";

export type ProgressPoint = { readonly label: string; readonly value?: number };

/** The contract's metric by iteration, with its target line. Iterations without a result leave a gap in the line. */
export function progressChart(
  points: readonly ProgressPoint[],
  goal: { readonly name: string; readonly unit: string; readonly contract?: MetricContract },
  best: string | undefined,
): string {
  const { y, wide } = valueScale(points, goal.contract?.target);
  const x = scalePoint(
    points.map(({ label }) => label),
    [frame.left, frame.width - frame.right],
  ).padding(0.5);
  const at = (point: ProgressPoint) => x(point.label) ?? 0;
  const path = line<ProgressPoint>(at, (point) => y(point.value ?? 0)).defined(({ value }) => value !== undefined);
  const unit = goal.unit === "" ? "" : ` (${goal.unit}${wide ? ", square-root scale" : ""})`;
  const few = points.length <= 12;
  const marks = points.map((point, index) =>
    mark(point, at(point), point.value === undefined ? frame.height - frame.bottom : y(point.value), goal.unit, {
      best: point.label === best,
      labelled: few || index === 0 || index === points.length - 1 || point.label === best,
    }),
  );
  const body = [
    axisLeft(
      frame,
      y.ticks(5).map((value) => ({ at: y(value), text: valueText(value, goal.unit).replace(/\.?0+%$/, "%") })),
      goal.name + unit,
    ),
    axisBelow(frame, iterationTicks(points, at), "iteration"),
    targetLine(goal.contract, y),
    `<path class="series" d="${path(points) ?? ""}"/>`,
    ...marks,
  ];
  return chart(
    "progress",
    frame,
    { title: `${goal.name} by iteration`, description: describe(points, goal) },
    body.join(""),
  );
}

/** A square-root scale where the target would otherwise lie on the axis beside the largest value. */
function valueScale(points: readonly ProgressPoint[], target: number | undefined) {
  const values = points.flatMap(({ value }) => (value === undefined ? [] : [value]));
  const highest = Math.max(...values, target ?? 0, Number.MIN_VALUE);
  const lowest = Math.min(0, ...values);
  const wide = target !== undefined && target > 0 && lowest >= 0 && highest / target > 20;
  const y = scalePow([lowest, highest * 1.08], [frame.height - frame.bottom, frame.top + 12]);
  return { y: y.exponent(wide ? 0.5 : 1), wide };
}

function iterationTicks(points: readonly ProgressPoint[], at: (point: ProgressPoint) => number): Tick[] {
  const ticks = points.map((point) => ({ at: at(point), text: short(point.label) }));
  return ticks.filter((_, index) => shownLabel(index, points.length, 12));
}

function mark(
  point: ProgressPoint,
  x: number,
  y: number,
  unit: string,
  how: { best: boolean; labelled: boolean },
): string {
  if (point.value === undefined) return text(x, y - 6, "–", 'text-anchor="middle" class="dim"');
  const circle = `<circle class="dot${how.best ? " best" : ""}" data-iteration="${point.label}" data-value="${point.value}" cx="${round(x)}" cy="${round(y)}" r="${how.best ? 7 : 5}"/>`;
  return how.labelled
    ? circle + text(x, y - 12, valueText(point.value, unit), 'text-anchor="middle" class="value"')
    : circle;
}

function targetLine(contract: MetricContract | undefined, y: (value: number) => number): string {
  if (contract === undefined) return "";
  const at = round(y(contract.target));
  const label = `target ${contract.operator} ${valueText(contract.target, contract.unit)}`;
  const right = frame.width - frame.right;
  return `<path class="target" data-target="${contract.target}" d="M${frame.left} ${at}H${right}"/>${text(frame.left + 6, at - 6, label, 'class="target-name"')}`;
}

function describe(
  points: readonly ProgressPoint[],
  goal: { name: string; unit: string; contract?: MetricContract },
): string {
  const shown = points.map(
    ({ label, value }) => `${label} ${value === undefined ? "not measured" : valueText(value, goal.unit)}`,
  );
  const target = goal.contract
    ? ` The target is ${goal.contract.operator} ${valueText(goal.contract.target, goal.unit)}.`
    : "";
  return `${goal.name} by iteration: ${shown.join(", ")}.${target}`;
}

function short(label: string): string {
  return label === "baseline" ? "base" : label.replace("iter", "");
}
