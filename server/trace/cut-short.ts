import { membersOf } from "../run/record.ts";
import type { TraceLine } from "./format.ts";
import type { Connection, Trace } from "./load.ts";
import type { Message } from "./message.ts";
import type { Talk, UnderWay } from "./talk.ts";
import type { RunningTape } from "./tape.ts";

type Request = Extract<TraceLine, { kind: "request" }>;
type JobStart = Extract<TraceLine, { kind: "job-start" }>;

/** Whether a call is a stage, or the end of a loop, that its server did not live to answer. */
export function isCutShort(line: Request, { ended, lines }: Connection): boolean {
  if (ended || !/^(run_stage|finish_loop)$/.test(String(line.params?.name))) return false;
  return !lines.some((one) => one.n > line.n && one.kind === "result" && one.id === line.id);
}

/** Whether the next server started this job anew: the killed one had noted it, and came no further. */
export function startsAgain(start: JobStart, order: Trace["order"]): boolean {
  const isSame = ({ line }: Trace["order"][number]) =>
    line.kind === "job-start" && line.run === start.run && line.spec.id === start.spec.id;
  return order.findLast(isSame)?.line !== start;
}

const looks = 5;

/** Looks at the stage, which starts its next job each time, until the job of this line runs. */
export async function lookUntilStarted(line: JobStart, { message }: UnderWay, talk: Talk, tape: RunningTape) {
  for (let look = 1; look <= looks && !tape.hasStarted(line); look++) {
    await call({ ...hasty(message), id: `look ${look} for line ${line.n}` }, talk);
  }
}

/** The same call of run_stage, which looks once and does not wait. */
export function hasty(message: Message): Message {
  const params = membersOf(message.params);
  return { ...message, params: { ...params, arguments: { ...membersOf(params.arguments), wait_seconds: 0 } } };
}

/** Lets the stage go to its end if it did. */
export async function commitIfSeen({ line, message }: UnderWay, talk: Talk, order: Trace["order"]): Promise<void> {
  if (wasCommitted(line, talk.connection, order)) await call(message, talk);
}

/** A result but for its report, which may be old or absent: the kill may have come between a commit and its report. */
export function withoutReport(result: unknown): unknown {
  const { structured, ...rest } = membersOf(result);
  const { report: _report, report_path: _path, ...told } = membersOf(structured);
  return structured === undefined ? result : { ...rest, structured: told };
}

async function call(message: Message, { line, mail }: Talk): Promise<void> {
  await line.send(message);
  await mail.next(({ id, method }) => method === undefined && id === message.id);
}

/** A server tells the whole log of a run at its first answer: the next one's shows what the killed one had committed. */
function wasCommitted(request: Request, connection: Connection, order: Trace["order"]): boolean {
  const at = order.findIndex(({ line }) => line === request);
  const own = order.findLastIndex((one) => one.connection === connection);
  const run = membersOf(request.params?.arguments).run;
  const seqs = (from: number, to: number) =>
    order
      .slice(from, to)
      .flatMap(({ line }) => (line.kind === "event" && line.run === run ? [Number(line.entry.seq)] : []));
  const first = order.findIndex(({ line }, index) => index > own && line.kind === "event" && line.run === run);
  if (first < 0) return false;
  const answer = order.findIndex(({ line }, index) => index > first && line.kind === "result");
  const before = Math.max(0, ...seqs(0, at));
  return Math.max(...seqs(first, answer)) - ownEntries(order, answer) > before;
}

/** How many of the log entries before an answer its own call made. */
function ownEntries(order: Trace["order"], answer: number): number {
  const { line, connection } = order[answer] ?? {};
  if (line?.kind !== "result") return 0;
  const call = connection?.lines.find((one) => one.kind === "request" && one.id === line.id);
  const { outcome, status_line } = membersOf(membersOf(line.result).structured);
  const tool = call?.kind === "request" ? call.params?.name : undefined;
  if (tool === "run_stage") return outcome === "committed" || outcome === "hard_stop" ? 1 : 0;
  return tool === "finish_loop" && status_line !== undefined ? 1 : 0;
}
