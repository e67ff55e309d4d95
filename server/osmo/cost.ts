import { activeTasks, type Flow, type FlowTask, type KnobValues } from "./flow.ts";

/** GPUs that a submit can hold at one time, and the GPU hours after which the time limits end it. */
export type Cost = { readonly gpus_at_once: number; readonly gpu_hours_limit: number };

/** An upper bound by the flow's own limits; how long a run really takes depends on its sizes. */
export function costOf(flow: Flow, values: KnobValues): Cost {
  const tasks = activeTasks(flow, values);
  const hours = durationHours(values.exec_timeout ?? "0h");
  const total = tasks.reduce((sum, task) => sum + gpusOf(task, values), 0);
  return { gpus_at_once: peak(tasks, values), gpu_hours_limit: Math.round(total * hours * 10) / 10 };
}

function gpusOf(task: FlowTask, values: KnobValues): number {
  return Number(values[`${task.sized_by}_gpu`] ?? 0);
}

/** The heaviest set of tasks of which none waits for another; four tasks make sixteen sets. */
function peak(tasks: readonly FlowTask[], values: KnobValues): number {
  let most = 0;
  for (let chosen = 0; chosen < 2 ** tasks.length; chosen++) {
    const together = tasks.filter((_, index) => (chosen >> index) & 1);
    const free = together.every((task) => together.every((other) => task === other || !waitsFor(task, other, tasks)));
    if (free)
      most = Math.max(
        most,
        together.reduce((sum, task) => sum + gpusOf(task, values), 0),
      );
  }
  return most;
}

function waitsFor(task: FlowTask, other: FlowTask, tasks: readonly FlowTask[]): boolean {
  const trains = tasks.some((each) => each.task === "finetune");
  const upstream = task.inputs.flatMap((input) =>
    input.startsWith("task:") ? [input.slice(5)] : input === "checkpoint" && trains ? ["finetune"] : [],
  );
  return upstream.some(
    (name) => name === other.task || tasks.some((each) => each.task === name && waitsFor(each, other, tasks)),
  );
}

/** Hours of an OSMO duration: `28h`, `90m`, `P1DT2H`. */
export function durationHours(text: string): number {
  const units: Readonly<Record<string, number>> = { d: 24, h: 1, m: 1 / 60, s: 1 / 3600 };
  return [...text.toLowerCase().matchAll(/(\d+)([dhms])/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ""] ?? 0),
    0,
  );
}
