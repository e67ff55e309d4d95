import { scaleLinear } from "d3-scale";
import { logStageNames } from "../../run/labels.ts";
import { duration } from "../format.ts";
import { axisBelow, chart, round, text } from "./frame.ts";

export type TimelineRow = {
  readonly label: string;
  readonly stages: readonly { readonly stage: string; readonly duration_sec: number; readonly status: string }[];
};

/** Time spent by stage, one bar an iteration; waiting between stages is left out. */
export function timelineChart(rows: readonly TimelineRow[]): string {
  const thick = rows.length > 20 ? 12 : 22;
  const frame = { width: 620, height: rows.length * (thick + 6) + 74, left: 64, right: 32, top: 12, bottom: 56 };
  const longest = Math.max(
    1,
    ...rows.map((row) => row.stages.reduce((sum, { duration_sec }) => sum + duration_sec, 0)),
  );
  const unit =
    longest >= 7200
      ? { seconds: 3600, name: "h" }
      : longest >= 120
        ? { seconds: 60, name: "min" }
        : { seconds: 1, name: "s" };
  const x = scaleLinear([0, longest / unit.seconds], [frame.left, frame.width - frame.right]);
  const bars = rows.map((row, index) => {
    const y = frame.top + index * (thick + 6);
    let from = 0;
    const parts = row.stages.map(({ stage, duration_sec, status }) => {
      const left = x(from / unit.seconds);
      from += duration_sec;
      const width = Math.max(0.5, x(from / unit.seconds) - left - 1);
      return `<rect class="stage-${stageClass(stage)}${status === "error" ? " failed" : ""}" data-seconds="${duration_sec}" x="${round(left)}" y="${y}" width="${round(width)}" height="${thick}"/>`;
    });
    return (
      text(frame.left - 8, y + thick / 2 + 4, row.label === "baseline" ? "base" : row.label, 'text-anchor="end"') +
      parts.join("")
    );
  });
  const ticks = x.ticks(5).map((value) => ({ at: x(value), text: String(value) }));
  const description = rows
    .map(
      (row) =>
        `${row.label}: ${row.stages.map(({ stage, duration_sec }) => `${stage} ${duration(duration_sec)}`).join(", ")}.`,
    )
    .join(" ");
  const body = [axisBelow(frame, ticks, `time spent in stages (${unit.name})`), ...bars].join("");
  return chart("timeline", frame, { title: "Time spent by stage and iteration", description }, body);
}

/** The class of a stage's colour; a name that is no stage of ours gets the neutral one. */
export function stageClass(stage: string): string {
  return logStageNames.some((name) => name === stage) ? stage : "other";
}
