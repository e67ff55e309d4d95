/** One model call of an agent, as its transcript records it. `at` is microseconds since the epoch. */
export type Message = {
  readonly at: number;
  readonly model: string;
  readonly input: number;
  readonly output: number;
  readonly cache_read: number;
  readonly cache_create: number;
  readonly cache_create_5m: number;
  readonly cache_create_1h: number;
};

/** What a stage cost the agent; the shape of `tokens` in a log entry (tao-stages 5.10). */
export type TokenUsage = {
  n_messages: number;
  input: number;
  output: number;
  cache_read: number;
  cache_create: number;
  cache_create_5m: number;
  cache_create_1h: number;
  /** Input, cache read and cache creation of the window's last message: how full the context was. */
  context_size_end: number;
  /** In order of first use. */
  models: string[];
};

export type Alignment = {
  readonly usage: ReadonlyMap<number, TokenUsage>;
  /** Messages that fell into some entry's window. */
  readonly attributed: number;
};

/**
 * Sums the messages of each log entry's window: later than the entry before it, up to and including its own time. The
 * first window is open below; what comes after the last entry belongs to nobody.
 *
 * Where the times of a log step back the lower bound stays, so that no message counts twice.
 */
export function alignTokens(
  entries: readonly { readonly seq: number; readonly ts: string }[],
  messages: readonly Message[],
): Alignment {
  const sorted = [...messages].sort((a, b) => a.at - b.at);
  const usage = new Map<number, TokenUsage>();
  let next = 0;
  for (const { seq, ts } of entries) {
    const end = microsOf(ts);
    const window: Message[] = [];
    for (let message = sorted[next]; end !== undefined && message !== undefined && message.at <= end; ) {
      window.push(message);
      message = sorted[++next];
    }
    usage.set(seq, usageOf(window));
  }
  return { usage, attributed: next };
}

function usageOf(window: readonly Message[]): TokenUsage {
  const sum = (figure: (message: Message) => number) => window.reduce((total, message) => total + figure(message), 0);
  const last = window.at(-1);
  return {
    n_messages: window.length,
    input: sum((one) => one.input),
    output: sum((one) => one.output),
    cache_read: sum((one) => one.cache_read),
    cache_create: sum((one) => one.cache_create),
    cache_create_5m: sum((one) => one.cache_create_5m),
    cache_create_1h: sum((one) => one.cache_create_1h),
    context_size_end: last === undefined ? 0 : last.input + last.cache_read + last.cache_create,
    models: [...new Set(window.map(({ model }) => model).filter((model) => model !== ""))],
  };
}

const isoPattern = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:?\d\d)$/;

/**
 * Microseconds since the epoch of an ISO time with a zone, or undefined for any other text. Dates of the language stop
 * at milliseconds, which is too coarse for the edge of a window.
 */
export function microsOf(text: string): number | undefined {
  const found = isoPattern.exec(text);
  if (found === null) return undefined;
  const [, date, time, fraction = "", zone = "Z"] = found;
  const ms = Date.parse(`${date}T${time}${zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone}`);
  return Number.isNaN(ms) ? undefined : ms * 1000 + Number(fraction.slice(0, 6).padEnd(6, "0"));
}
