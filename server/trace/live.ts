import { defined } from "../run/defined.ts";
import { membersOf } from "../run/record.ts";
import { eventReader, type RunEvent } from "./events.ts";
import type { TraceLine } from "./format.ts";
import type { Connection, Trace } from "./load.ts";
import { type Mailbox, mailbox } from "./mailbox.ts";
import { type Message, resultOf, runDirOf } from "./message.ts";
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
 * and the figures within `tolerances`. Texts, thresholds and arguments of jobs are not compared. Calls are sent in
 * their recorded order, whatever the connection, and one that was sent while another ran is sent so again.
 */
export async function playLive(trace: Trace, connect: Connect, symbols: Symbols) {
  const differences: Difference[] = [];
  const talks = new Map<Connection, Talk>();
  let calls = 0;
  try {
    for (const { line, connection } of trace.order) {
      const talk = talks.get(connection) ?? (await openTalk(connection, connect, symbols));
      talks.set(connection, talk);
      if (line.kind === "request" && line.method === "tools/call") calls += 1;
      differences.push(...(await step(line, talk)));
      if (differences.length > 0) break;
    }
  } finally {
    for (const { line } of talks.values()) await line.close();
  }
  return { differences, calls };
}

type Talk = {
  readonly connection: Connection;
  readonly line: Line;
  readonly mail: Mailbox;
  /** What the human is still to say. */
  readonly answers: unknown[];
  readonly symbols: Symbols;
  readonly eventsOf: ReturnType<typeof eventReader>;
  readonly sent: Map<string | number, Message>;
  /** Recorded log entries that no answer has accounted for. */
  events: RunEvent[];
};

async function openTalk(connection: Connection, connect: Connect, symbols: Symbols): Promise<Talk> {
  const mail = mailbox();
  const line = await connect(connection.head, mail.put);
  const answers = connection.lines.filter((one) => one.kind === "answer").map(({ result }) => result);
  return { connection, line, mail, answers, symbols, eventsOf: eventReader(), sent: new Map(), events: [] };
}

async function step(line: TraceLine, talk: Talk): Promise<Difference[]> {
  if (line.kind === "notice" && line.method === "notifications/initialized") {
    await talk.line.send({ method: line.method });
  }
  if (line.kind === "request") await sendCall(line, talk);
  if (line.kind === "event") talk.events.push(line);
  return line.kind === "result" ? await takeResult(line, talk) : [];
}

async function sendCall(line: Request, talk: Talk): Promise<void> {
  const recorded = talk.connection.lines.find((other) => other.kind === "result" && other.id === line.id);
  // A call that only waited is covered by the one that saw the end.
  if (recorded?.kind !== "result" || isRunning(recorded.result)) return;
  const request = waiting(mapTexts(line, talk.symbols.expand) as Request);
  talk.sent.set(line.id, request);
  await talk.line.send(request);
}

async function takeResult(line: Result, talk: Talk): Promise<Difference[]> {
  const { symbols, connection } = talk;
  const request = talk.sent.get(line.id);
  if (request === undefined) return [];
  const got = await answerTo(line.id, talk);
  if (request.method !== "tools/call") return [];
  const result = resultOf(got ?? {}, request.method);
  learn(symbols, result);
  symbols.name(JSON.stringify(result));
  const runDir = runDirOf(request, result);
  const events = runDir === undefined ? [] : await talk.eventsOf(runDir);
  const before = talk.events;
  talk.events = [];
  const what = `${request.params?.name} (request ${line.id})`;
  const found = [...endings(line.result, result), ...eventMismatches(before, events)];
  return found.map((mismatch) => ({ ...mismatch, file: connection.file, line: line.n, what }));
}

async function answerTo(id: string | number, { line, mail, answers }: Talk): Promise<Message | undefined> {
  const isNews = (one: Message) => one.id !== undefined && (one.method !== undefined || one.id === id);
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
  if (params?.name !== "run_stage") return { id, method, ...defined({ params }) };
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
