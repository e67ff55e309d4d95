import { type ChildProcess, fork } from "node:child_process";
import { setImmediate } from "node:timers/promises";
import { Refusal, type RefusalCode } from "../errors.ts";

/** Why a piece of work has no answer. */
export class WorkFailed extends Error {
  readonly why: "timeout" | "died" | "thrown";
  /** What the work itself refused with, to be thrown anew here. */
  readonly refused: Refused | undefined;
  constructor(why: WorkFailed["why"], message: string, refused?: Refused) {
    super(message);
    this.why = why;
    this.refused = refused;
  }
}

export type Refused = { readonly code: RefusalCode; readonly facts: Readonly<Record<string, unknown>> };

export type Limits = {
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Takes each part as it comes; they are then not gathered. */
  readonly onPart?: ((part: unknown) => void) | undefined;
};

/** A second process that does one piece of work at a time for this one, and that can be ended in the middle of it. */
export type SecondProcess = {
  /**
   * Sends one request and gathers the parts of its answer.
   *
   * The limit counts from the last part of the answer. A process that passes it, or an aborted one, is killed; the next
   * request starts a new one.
   *
   * @throws WorkFailed, or the reason of the signal.
   * @throws Refusal `install.silent-process` for a process that does not say in time that it began: no work will do.
   */
  ask(request: unknown, limits: Limits): Promise<unknown[]>;
  stop(): void;
};

/** What the second process sends: that it began, any number of parts, then an end or an error. */
export type Reply =
  | { readonly started: true }
  | { readonly part: unknown }
  | { readonly end: true }
  | { readonly error: string; readonly refused?: Refused };

/** A cold start on a busy machine; the work itself is not counted in. */
const longestStartMs = 30_000;

/**
 * Describes a second process that runs a script under a heap limit. It starts with the first request, stays for the
 * next ones until nobody asked for `idleMs`, and never keeps this process from ending.
 */
export function secondProcess(
  script: string,
  { heapMb, idleMs, startMs = longestStartMs }: { heapMb: number; idleMs: number; startMs?: number },
): SecondProcess {
  let running: ChildProcess | undefined;
  let idle: NodeJS.Timeout | undefined;
  const stop = () => {
    clearTimeout(idle);
    running?.removeAllListeners();
    running?.on("error", () => undefined);
    running?.kill("SIGKILL");
    running = undefined;
  };
  const attempt = async (request: unknown, asked: Limits) => {
    clearTimeout(idle);
    running ??= begin();
    const child = running;
    child.ref();
    child.channel?.ref();
    try {
      return await converse(child, request, { ...asked, startMs });
    } catch (error) {
      if (!(error instanceof WorkFailed && error.why === "thrown")) stop();
      throw error;
    } finally {
      child.unref();
      child.channel?.unref();
      idle = setTimeout(stop, idleMs).unref();
    }
  };
  const begin = () => {
    const child = start(script, heapMb);
    child.once("exit", () => {
      if (running === child) running = undefined;
    });
    return child;
  };
  return {
    stop,
    async ask(request, asked) {
      asked.signal?.throwIfAborted();
      const used = running !== undefined;
      let told = false;
      const { onPart } = asked;
      const onFirst = (part: unknown): void => {
        told = true;
        onPart?.(part);
      };
      try {
        return await attempt(request, onPart === undefined ? asked : { ...asked, onPart: onFirst });
      } catch (error) {
        // A process that was used before may have died of what an earlier request left behind, or been stopped from
        // outside; parts are handed out once.
        const isGone = error instanceof WorkFailed ? error.why === "died" : error instanceof Refusal;
        if (used && !told && isGone) return await attempt(request, asked);
        throw error;
      }
    },
  };
}

function start(script: string, heapMb: number): ChildProcess {
  return fork(script, [], {
    // Nothing of the environment: the process reads files that somebody else wrote.
    env: {},
    execArgv: [`--max-old-space-size=${heapMb}`],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
}

type Conversation = Limits & { readonly startMs: number };

async function converse(child: ChildProcess, request: unknown, { limitMs, signal, onPart, startMs }: Conversation) {
  const parts: unknown[] = [];
  let watch: NodeJS.Timeout | undefined;
  let ended = false;
  const close: (() => void)[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const rewind = (ms: number, late: () => Error) => {
        clearTimeout(watch);
        const own = setTimeout(async () => {
          // An answer that came while this process was busy is read first.
          await setImmediate();
          if (!ended && watch === own) reject(late());
        }, ms);
        watch = own;
      };
      const goOn = () => rewind(limitMs, () => new WorkFailed("timeout", `no answer within ${limitMs} ms`));
      const onMessage = (reply: Reply) => {
        if ("started" in reply) return goOn();
        if ("part" in reply) {
          try {
            if (onPart === undefined) parts.push(reply.part);
            else onPart(reply.part);
          } catch (error) {
            // Nobody catches what a message's listener throws.
            return reject(error);
          }
          return goOn();
        }
        ended = true;
        if ("error" in reply) reject(new WorkFailed("thrown", reply.error, reply.refused));
        else resolve();
      };
      const onExit = () => reject(new WorkFailed("died", "the process ended without an answer"));
      const onAbort = () => reject(signal?.reason);
      child.on("message", onMessage).on("exit", onExit).on("error", onExit);
      signal?.addEventListener("abort", onAbort, { once: true });
      close.push(() => child.off("message", onMessage).off("exit", onExit).off("error", onExit));
      close.push(() => signal?.removeEventListener("abort", onAbort));
      rewind(startMs, () => silent(child, startMs));
      child.send(request as object, (error) => {
        if (error) onExit();
      });
    });
    return parts;
  } finally {
    clearTimeout(watch);
    for (const one of close) one();
  }
}

function silent({ spawnargs }: ChildProcess, startMs: number): Refusal {
  const message = "The process that reads images and tables was started, and says nothing.";
  return new Refusal("install.silent-process", message, { program: spawnargs, limit_sec: startMs / 1000 });
}
