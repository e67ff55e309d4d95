import { z } from "zod";
import { writeAtomic } from "../../fs/atomic.ts";
import { BoundedLog } from "../../fs/bounded-log.ts";
import { readAsIfPresent } from "../../fs/json.ts";
import { defined } from "../../run/defined.ts";
import { followLogs } from "./cli.ts";
import { LogStream } from "./log.ts";

const streamSchema = z.object({ since: z.string(), count: z.number() });

/** What was followed of a container's output, beside its job record; `bytes` of the log file belong to it. */
const followedSchema = z.object({
  stdout: streamSchema.optional(),
  stderr: streamSchema.optional(),
  bytes: z.number().optional(),
  /** The container has ended and its whole output is in the log file. */
  complete: z.boolean(),
});
type Followed = z.infer<typeof followedSchema>;

/** Bytes at which the log file of a job is rotated. */
export const logLimitBytes = 32 << 20;
const flushEveryMs = 250;
const flushBytes = 1 << 18;

export type FollowWish = {
  readonly env: NodeJS.ProcessEnv;
  readonly containerId: string;
  readonly logPath: string;
  readonly positionPath: string;
  /** Whether the container has ended, so that this follow is its last one. */
  readonly last: boolean;
  readonly limitBytes?: number;
};

export async function readFollowed(path: string): Promise<Followed> {
  return (await readAsIfPresent(path, followedSchema)) ?? { complete: false };
}

/**
 * Appends the new output of a container to the job's log file until the stream ends, and notes how far it came after
 * every write. A follow that was killed at any instant goes on with the next line: what was written and not noted is
 * cut off and read again.
 *
 * @throws Refusal `input.write-failed` when the disk takes no more; nothing that was noted is lost.
 */
export async function followOnce(wish: FollowWish): Promise<void> {
  const from = await readFollowed(wish.positionPath);
  if (from.complete) return;
  const writer = await LogWriter.open(wish, from);
  // The stream without any line may have lines that are older than the other one's last.
  const since = [from.stdout?.since, from.stderr?.since].sort()[0];
  const both = from.stdout !== undefined && from.stderr !== undefined;
  const follow = followLogs(wish.env, wish.containerId, both ? since : undefined);
  const timer = setInterval(() => void writer.flush().catch(() => follow.stop()), flushEveryMs);
  try {
    await Promise.all([pump(follow.stdout, writer, "stdout"), pump(follow.stderr, writer, "stderr"), follow.ended]);
    if (wish.last) writer.finish();
    await writer.flush();
  } finally {
    clearInterval(timer);
    follow.stop();
    await writer.close();
  }
}

async function pump(stream: AsyncIterable<Buffer>, writer: LogWriter, name: "stdout" | "stderr"): Promise<void> {
  for await (const chunk of stream) await writer.push(name, chunk);
}

/** Collects what both streams bring and writes it in turns, each followed by its position. */
class LogWriter {
  readonly #streams: { stdout: LogStream; stderr: LogStream };
  readonly #log: BoundedLog;
  readonly #positionPath: string;
  #waiting: Buffer[] = [];
  #complete = false;
  #turn: Promise<void> = Promise.resolve();
  /** Why a write failed: what was taken since is lost to this writer, so it must not note anything any more. */
  #failure: unknown;

  private constructor(log: BoundedLog, positionPath: string, from: Followed) {
    this.#log = log;
    this.#positionPath = positionPath;
    this.#streams = { stdout: new LogStream(from.stdout), stderr: new LogStream(from.stderr) };
  }

  static async open(wish: FollowWish, from: Followed): Promise<LogWriter> {
    const log = new BoundedLog(wish.logPath, wish.limitBytes ?? logLimitBytes);
    await log.open(from.bytes);
    const writer = new LogWriter(log, wish.positionPath, from);
    if (from.bytes === undefined) await writer.#note();
    return writer;
  }

  /** Takes a chunk; waits for the disk once enough is waiting, which holds the container's stream back. */
  async push(name: "stdout" | "stderr", chunk: Buffer): Promise<void> {
    this.#waiting.push(...this.#streams[name].push(chunk));
    if (this.#waiting.reduce((sum, part) => sum + part.length, 0) >= flushBytes) await this.flush();
  }

  /** Takes what is left of both streams: nothing more will come. */
  finish(): void {
    this.#waiting.push(...this.#streams.stdout.end(), ...this.#streams.stderr.end());
    this.#complete = true;
  }

  flush(): Promise<void> {
    const next = this.#turn.then(() => this.#write());
    this.#turn = next.catch(() => undefined);
    return next;
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#log.close();
  }

  async #write(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#waiting.length === 0 && !this.#complete) return;
    const data = Buffer.concat(this.#waiting);
    const position = this.#position();
    this.#waiting = [];
    try {
      if (data.length > 0) await this.#log.append(data);
      await this.#note(position);
      if (!this.#log.isFull) return;
      await this.#log.rotate();
      await this.#note(position);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #position(): Pick<Followed, "stdout" | "stderr"> {
    const { stdout, stderr } = this.#streams;
    return defined({ stdout: stdout.position, stderr: stderr.position });
  }

  async #note(position = this.#position()): Promise<void> {
    const followed: Followed = { ...position, bytes: this.#log.size, complete: this.#complete };
    await writeAtomic(this.#positionPath, JSON.stringify(followed));
  }
}
