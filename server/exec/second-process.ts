import { type ChildProcess, fork } from "node:child_process";
import { setImmediate } from "node:timers/promises";
import type { RefusalCode } from "../errors.ts";

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
const startMs = 30_000;

/**
 * Describes a second process that runs a script under a heap limit. It starts with the first request, stays for the
 * next ones until nobody asked for `idleMs`, and never keeps this process from ending.
 */
export function secondProcess(script: string, limits: { heapMb: number; idleMs: number }): SecondProcess {
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
    running ??= begin();
    const child = running;
    child.ref();
    child.channel?.ref();
    try {
      return await converse(child, request, asked);
    } catch (error) {
      if (!(error instanceof WorkFailed && error.why === "thrown")) stop();
      throw error;
    } finally {
      child.unref();
      child.channel?.unref();
      idle = setTimeout(stop, limits.idleMs).unref();
    }
  };
  const begin = () => {
    const child = start(script, limits.heapMb);
    child.once("exit", () => {
      if (running === child) running = undefined;
    });
    return child;
  };
  return {
    stop,
    async ask(request, asked) {
      asked.signal?.throwIfAborted();
      clearTimeout(idle);
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
        // A process that was used before may have died of what an earlier request left behind; parts are handed out once.
        if (used && !told && error instanceof WorkFailed && error.why === "died") return await attempt(request, asked);
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

async function converse(child: ChildProcess, request: unknown, { limitMs, signal, onPart }: Limits) {
  const parts: unknown[] = [];
  let watch: NodeJS.Timeout | undefined;
  let ended = false;
  const close: (() => void)[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (why: WorkFailed["why"], message: string) => reject(new WorkFailed(why, message));
      const rewind = (ms: number) => {
        clearTimeout(watch);
        watch = setTimeout(async () => {
          // An answer that came while this process was busy is read first.
          await setImmediate();
          if (!ended) fail("timeout", `no answer within ${ms} ms`);
        }, ms);
      };
      const onMessage = (reply: Reply) => {
        if ("started" in reply) return rewind(limitMs);
        if ("part" in reply) {
          try {
            if (onPart === undefined) parts.push(reply.part);
            else onPart(reply.part);
          } catch (error) {
            // Nobody catches what a message's listener throws.
            return reject(error);
          }
          return rewind(limitMs);
        }
        ended = true;
        if ("error" in reply) reject(new WorkFailed("thrown", reply.error, reply.refused));
        else resolve();
      };
      const onExit = () => fail("died", "the process ended without an answer");
      const onAbort = () => reject(signal?.reason);
      child.on("message", onMessage).on("exit", onExit).on("error", onExit);
      signal?.addEventListener("abort", onAbort, { once: true });
      close.push(() => child.off("message", onMessage).off("exit", onExit).off("error", onExit));
      close.push(() => signal?.removeEventListener("abort", onAbort));
      rewind(startMs);
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
