import { defined } from "../run/defined.ts";
import { membersOf } from "../run/record.ts";
import { blur } from "./blur.ts";
import { commitIfSeen, hasty, isCutShort, lookUntilStarted, startsAgain, withoutReport } from "./cut-short.ts";
import type { TraceLine } from "./format.ts";
import type { Connection, Trace } from "./load.ts";
import { type Message, resultOf, runDirOf } from "./message.ts";
import { compareJobs } from "./play-jobs.ts";
import { type Difference, note, type Options, type Play } from "./play-state.ts";
import { learn, mapTexts, type Symbols } from "./symbols.ts";
import { closeTalk, openTalk, type Stage, type Talk, untilStarted } from "./talk.ts";
import type { RunningTape } from "./tape.ts";

export type Played = {
  readonly differences: readonly Difference[];
  readonly calls: number;
  readonly skipped: readonly string[];
  /** The lines as they would be recorded now, one list a connection. */
  readonly lines: readonly (readonly TraceLine[])[];
};

/**
 * Plays a trace against the present code: sends what the client sent, answers what the human answered, and holds
 * everything that comes back against the recording. Stops at the first difference unless `goOn`.
 *
 * @throws Refusal `trace.unusable` where the trace lacks what the present code asks for.
 */
export async function playTrace(
  trace: Trace,
  stage: Stage,
  tape: RunningTape,
  symbols: Symbols,
  options: Options,
): Promise<Played> {
  const play: Play = {
    tape,
    symbols,
    stage,
    options,
    order: trace.order,
    files: trace.files,
    differences: [],
    skipped: new Set(),
    missed: new Set(),
    calls: 0,
    wasKilled: false,
  };
  const talks = new Map<Connection, Talk>();
  try {
    for (const [index, { line, connection }] of trace.order.entries()) {
      const talk = talks.get(connection) ?? (await openTalk(connection, stage.connect));
      talks.set(connection, talk);
      tape.at = index;
      await step(line, talk, play);
      if (tape.fault !== undefined) throw tape.fault;
      if (line === connection.lines.at(-1)) await endTalk(line, talk, play);
      if (play.differences.length > 0 && !options.goOn) break;
    }
  } finally {
    for (const talk of talks.values()) await closeTalk(talk);
  }
  const lines = trace.connections.map((connection) => talks.get(connection)?.written ?? []);
  return { differences: play.differences, calls: play.calls, skipped: [...play.skipped], lines };
}

async function step(line: TraceLine, talk: Talk, play: Play): Promise<void> {
  const { symbols } = play;
  const given = (params: unknown) => mapTexts(params, symbols.expand) as Record<string, unknown>;
  switch (line.kind) {
    case "request":
      talk.written.push(line);
      return await sendRequest(line, talk, play);
    case "notice": {
      talk.written.push(line);
      const isOurs = line.method !== "notifications/resources/updated";
      if (isOurs)
        await talk.line.send({ method: line.method, ...defined({ params: line.params && given(line.params) }) });
      return;
    }
    case "ask":
      return await takeQuestion(line, talk, play);
    case "answer": {
      talk.written.push(line);
      const id = talk.asks.get(line.id);
      if (id !== undefined) await talk.line.send({ id, result: given(line.result) });
      return;
    }
    case "event":
      talk.events.push(line);
      return;
    case "result":
      return await takeResult(line, talk, play);
    case "job-start":
      talk.written.push(line);
      if (talk.cutShort !== undefined && startsAgain(line, play.order)) return;
      if (talk.underWay !== undefined) return await lookUntilStarted(line, talk.underWay, talk, play.tape);
      return await untilStarted(line, talk, play.tape.hasStarted);
    default:
      talk.written.push(line);
  }
}

async function endTalk(line: TraceLine, talk: Talk, play: Play): Promise<void> {
  if (talk.cutShort !== undefined) {
    play.wasKilled = true;
    await commitIfSeen(talk.cutShort, talk, play.order);
    compareJobs(line, `${talk.cutShort.line.params?.name} (request ${talk.cutShort.line.id})`, talk, play);
  }
  await closeTalk(talk);
}

async function sendRequest(line: Extract<TraceLine, { kind: "request" }>, talk: Talk, play: Play): Promise<void> {
  const { symbols, tape, stage } = play;
  const params = mapTexts(line.params, symbols.expand) as Record<string, unknown> | undefined;
  const args = membersOf(params?.arguments);
  learn(symbols, args);
  symbols.name(JSON.stringify(args));
  const tool = line.method === "tools/call" ? String(params?.name) : "";
  if (stage.isSkipped(tool)) {
    play.skipped.add(tool);
    return;
  }
  if (line.method === "tools/call") play.calls += 1;
  const message: Message = { id: line.id, method: line.method, ...defined({ params }) };
  tape.timeOf(talk.connection.head).wind(line);
  if (isCutShort(line, talk.connection)) {
    talk.cutShort = talk.underWay = { line, message };
    return;
  }
  talk.requests.set(line.id, message);
  if (endedRunning(line, talk)) talk.underWay = { line, message };
  else await talk.line.send(message);
}

/** Waiting is not replayed: a call whose recorded wait ended before its job did looks at each job that it started. */
function endedRunning(line: Extract<TraceLine, { kind: "request" }>, { connection }: Talk): boolean {
  if (line.params?.name !== "run_stage") return false;
  const result = connection.lines.find((one) => one.n > line.n && one.kind === "result" && one.id === line.id);
  return result?.kind === "result" && membersOf(membersOf(result.result).structured).outcome === "running";
}

async function takeQuestion(line: Extract<TraceLine, { kind: "ask" }>, talk: Talk, play: Play): Promise<void> {
  const asked = await talk.mail.next((message) => message.id !== undefined);
  const isQuestion = asked?.method !== undefined;
  const params = isQuestion ? blur(mapTexts(asked.params, play.symbols.name)) : "no question";
  note(line, "question to the human", { params: line.params }, { params }, talk, play);
  if (asked !== undefined && !isQuestion) talk.mail.put(asked);
  if (!isQuestion) return;
  if (asked.id !== undefined) talk.asks.set(line.id, asked.id);
  talk.written.push({ ...line, params: params as Record<string, unknown> });
}

/** The answer to a request. A question that the recording does not have is a difference and is closed unanswered. */
async function answerTo(line: TraceLine, id: string | number, talk: Talk, play: Play): Promise<Message | undefined> {
  const isAnswer = (message: Message) => message.method === undefined && message.id === id;
  for (;;) {
    const got = await talk.mail.next((one) => isAnswer(one) || (one.method !== undefined && one.id !== undefined));
    if (got === undefined || isAnswer(got)) return got;
    const params = blur(mapTexts(got.params, play.symbols.name));
    note(line, "question to the human", { params: "no question" }, { params }, talk, play);
    if (got.id !== undefined) await talk.line.send({ id: got.id, result: { action: "cancel" } });
  }
}

async function takeResult(line: Extract<TraceLine, { kind: "result" }>, talk: Talk, play: Play): Promise<void> {
  const { symbols } = play;
  const request = talk.requests.get(line.id);
  const recorded = talk.events;
  talk.events = [];
  if (request === undefined) {
    talk.written.push(...recorded, line);
    return;
  }
  if (talk.underWay?.line.id === line.id) {
    talk.underWay = undefined;
    await talk.line.send(hasty(request));
  }
  const answer = await answerTo(line, line.id, talk, play);
  talk.requests.delete(line.id);
  const what = `${request.method === "tools/call" ? request.params?.name : request.method} (request ${line.id})`;
  compareJobs(line, what, talk, play);
  const result = answer === undefined ? "no answer" : resultOf(answer, request.method);
  learn(symbols, result);
  const runDir = runDirOf(request, result);
  const events = runDir === undefined ? [] : await talk.eventsOf(runDir);
  const now = events.map((event) => ({ run: runDir, ...event })).map((event) => blur(mapTexts(event, symbols.name)));
  const before = recorded.flatMap((one) =>
    one.kind === "event" ? [{ run: one.run, entry: one.entry, figures: one.figures }] : [],
  );
  note(recorded[0] ?? line, `${what}: log entries`, before, now, talk, play);
  const named = blur(mapTexts(result, symbols.name));
  const told = play.wasKilled ? withoutReport : (value: unknown) => value;
  note(line, `${what}: result`, told(line.result), told(named), talk, play);
  // What clock and chance said then belongs to this answer, however many entries are written before it now.
  const heard = [...recorded, line];
  const nows = heard.flatMap((one) => one.now ?? []);
  const ids = heard.flatMap((one) => one.ids ?? []);
  talk.written.push(...now.map((event) => ({ n: 1, kind: "event", ...membersOf(event) }) as TraceLine));
  talk.written.push({
    ...line,
    result: named,
    ...defined({ now: nows.length > 0 ? nows : undefined, ids: ids.length > 0 ? ids : undefined }),
  });
}
