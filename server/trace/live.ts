import { eventReader, type RunEvent } from "./events.ts";
import type { TraceLine } from "./format.ts";
import type { Connection, Trace } from "./load.ts";
import { type Mailbox, mailbox } from "./mailbox.ts";
import { type Message, membersOf, resultOf, runDirOf } from "./message.ts";
import type { Difference } from "./play-state.ts";
import { learn, mapTexts, type Symbols } from "./symbols.ts";
import type { Line } from "./talk.ts";

/** How far the figures of jobs that really run again may lie from the recorded ones. */
const tolerances = { value_points: 2, counts_pct: 10, counts: 2 };

type Request = Extract<TraceLine, { kind: "request" }>;
type Result = Extract<TraceLine, { kind: "result" }>;
type Connect = (head: Connection["head"], hear: (message: Message) => void) => Promise<Line>;

/**
 * Plays the calls of a trace against real jobs and compares what came of them: how each stage ended, what was logged,
 * and the figures within `tolerances`. Texts, thresholds and arguments of jobs are not compared.
 */
export async function playLive(trace: Trace, connect: Connect, symbols: Symbols) {
  const differences: Difference[] = [];
  let calls = 0;
  for (const connection of trace.connections) {
    const mail = mailbox();
    const line = await connect(connection.head, mail.put);
    const answers = connection.lines.filter((one) => one.kind === "answer").map(({ result }) => result);
    const talk: Talk = { ...connection, line, mail, answers, symbols, eventsOf: eventReader() };
    for (const one of connection.lines) {
      if (one.kind === "notice" && one.method === "notifications/initialized") await line.send({ method: one.method });
      if (one.kind !== "request" || differences.length > 0) continue;
      if (one.method === "tools/call") calls += 1;
      differences.push(...(await playCall(one, talk)));
    }
    await line.close();
    if (differences.length > 0) break;
  }
  return { differences, calls };
}

type Talk = {
  readonly file: string;
  readonly lines: readonly TraceLine[];
  readonly line: Line;
  readonly mail: Mailbox;
  /** What the human is still to say. */
  readonly answers: unknown[];
  readonly symbols: Symbols;
  readonly eventsOf: ReturnType<typeof eventReader>;
};

async function playCall(one: Request, talk: Talk): Promise<Difference[]> {
  const { lines, symbols, file } = talk;
  const recorded = lines.find((other): other is Result => other.kind === "result" && other.id === one.id);
  // A call that only waited is covered by the one that saw the end.
  if (recorded === undefined || isRunning(recorded.result)) return [];
  const request = waiting(mapTexts(one, symbols.expand) as Request);
  const got = await ask(request, talk);
  if (one.method !== "tools/call") return [];
  const result = resultOf(got ?? {}, one.method);
  learn(symbols, result);
  symbols.name(JSON.stringify(result));
  const runDir = runDirOf(request, result);
  const events = runDir === undefined ? [] : await talk.eventsOf(runDir);
  const before = lines
    .slice(lines.indexOf(one), lines.indexOf(recorded))
    .flatMap((other) => (other.kind === "event" ? [other] : []));
  const what = `${one.params?.name} (request ${one.id})`;
  const found = [...endings(recorded.result, result), ...eventMismatches(before, events)];
  return found.map((mismatch) => ({ ...mismatch, file, line: recorded.n, what }));
}

async function ask(
  request: Message & { id: string | number },
  { line, mail, answers }: Talk,
): Promise<Message | undefined> {
  await line.send(request);
  const isNews = (one: Message) => one.id !== undefined && (one.method !== undefined || one.id === request.id);
  for (;;) {
    const got = await mail.next(isNews, livePatienceMs);
    if (got?.method === undefined) return got;
    if (got.id !== undefined) await line.send({ id: got.id, result: answers.shift() ?? { action: "cancel" } });
  }
}

const livePatienceMs = 3600_000;

const isRunning = (result: unknown) => membersOf(membersOf(result).structured).outcome === "running";

/** Live jobs take their time: a stage is waited for. */
function waiting(line: Request): Message & { id: string | number } {
  const { id, method, params } = line;
  if (params?.name !== "run_stage") return { id, method, ...(params === undefined ? {} : { params }) };
  return { id, method, params: { ...params, arguments: { ...membersOf(params.arguments), wait_seconds: 3000 } } };
}

const compared = ["outcome", "iteration", "stage", "ok", "approved", "stop_reason", "next_action"];

function endings(expected: unknown, actual: unknown) {
  const before = membersOf(membersOf(expected).structured);
  const now = membersOf(membersOf(actual).structured);
  const refusal = (result: unknown) => String(membersOf(result).text ?? "").split(":", 1)[0];
  const pairs = compared.map((key) => [key, before[key], now[key]] as const);
  return [...pairs, ["refusal", refusal(expected), refusal(actual)] as const]
    .filter(([, one, other]) => one !== other)
    .map(([path, one, other]) => ({ path, expected: one ?? "(nothing)", actual: other ?? "(nothing)" }));
}

function eventMismatches(expected: readonly RunEvent[], actual: readonly RunEvent[]) {
  const short = ({ entry }: RunEvent) => `${entry.seq} ${entry.iter} ${entry.stage} ${entry.status}`;
  const before = expected.map(short).join("; ");
  const now = actual.map(short).join("; ");
  if (before !== now) return [{ path: "log entries", expected: before, actual: now }];
  return expected.flatMap(({ figures }, at) =>
    figureMismatches(figures, actual[at]?.figures ?? {}, short(expected[at] as RunEvent)),
  );
}

function figureMismatches(expected: Record<string, unknown>, actual: Record<string, unknown>, where: string) {
  const near = { far_pct: points, value: points, mined: counts } as const;
  const single = Object.entries(near).map(([name, test]) => [name, expected[name], actual[name], test] as const);
  const ledger = Object.entries(membersOf(expected.ledger));
  const rows = ledger.map(
    ([name, value]) => [`ledger.${name}`, value, membersOf(actual.ledger)[name], counts] as const,
  );
  return [...single, ...rows]
    .filter(
      ([, one, other, test]) =>
        one !== other && !(typeof one === "number" && typeof other === "number" && test(one, other)),
    )
    .map(([name, one, other]) => ({
      path: `${where}: ${name}`,
      expected: one ?? "(nothing)",
      actual: other ?? "(nothing)",
    }));
}

const points = (one: number, other: number) => Math.abs(one - other) <= tolerances.value_points;
const counts = (one: number, other: number) =>
  Math.abs(one - other) <= Math.max(tolerances.counts, (Math.abs(one) * tolerances.counts_pct) / 100);
