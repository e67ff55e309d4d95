import { setTimeout as sleep } from "node:timers/promises";
import { eventReader } from "./events.ts";
import type { TraceLine } from "./format.ts";
import type { Connection } from "./load.ts";
import { type Mailbox, mailbox } from "./mailbox.ts";
import type { Message } from "./message.ts";

/** A connection to a server, message by message. */
export type Line = { send(message: Message): Promise<void>; close(): Promise<void> };

/** What a replay needs of the house: servers, and which tools are not its business. */
export type Stage = {
  /** Starts a server for the connection whose first line this is. */
  connect(head: Extract<TraceLine, { kind: "connection" }>, hear: (message: Message) => void): Promise<Line>;
  /** Tools that need an outside service which a trace does not hold. */
  isSkipped(tool: string): boolean;
};

/**
 * A stage that was still under way when its answer came, or when its server was killed. How far it came is in the
 * lines: it is taken to each job that it started, and a killed one to its commit where the next server found it
 * committed.
 */
export type UnderWay = { readonly line: Extract<TraceLine, { kind: "request" }>; readonly message: Message };

/** One connection under way. */
export type Talk = {
  readonly connection: Connection;
  readonly line: Line;
  readonly mail: Mailbox;
  readonly requests: Map<string | number, Message>;
  readonly asks: Map<string | number, string | number>;
  readonly eventsOf: ReturnType<typeof eventReader>;
  /** Recorded lines that the next result answers for. */
  events: TraceLine[];
  written: TraceLine[];
  /** The stage that is taken from job to job, once its call came. */
  underWay: UnderWay | undefined;
  /** The same, when it is the one that was under way when this server was killed. */
  cutShort: UnderWay | undefined;
  closed: boolean;
};

export async function openTalk(connection: Connection, connect: Stage["connect"]): Promise<Talk> {
  const mail = mailbox();
  const line = await connect(connection.head, mail.put);
  return {
    connection,
    line,
    mail,
    requests: new Map(),
    asks: new Map(),
    eventsOf: eventReader(),
    events: [],
    written: [],
    underWay: undefined,
    cutShort: undefined,
    closed: false,
  };
}

export async function closeTalk(talk: Talk): Promise<void> {
  if (talk.closed) return;
  talk.closed = true;
  // What the recorded server did not live to answer goes to its end, unless it waits for a human.
  for (const id of talk.connection.ended || talk.asks.size > 0 ? [] : talk.requests.keys()) {
    await talk.mail.next((message) => message.method === undefined && message.id === id, patienceMs);
  }
  await talk.line.close();
  if (talk.requests.size > 0) await sleep(100);
}

type JobStart = Extract<TraceLine, { kind: "job-start" }>;
const patienceMs = 5000;

/** Calls of other connections saw this job running, so it has to run before they are played. */
export async function untilStarted(line: JobStart, talk: Talk, hasStarted: (line: JobStart) => boolean): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!hasStarted(line) && !talk.mail.isWaiting() && Date.now() < deadline) await sleep(5);
}
