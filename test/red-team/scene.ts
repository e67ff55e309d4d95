import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import type { Stand } from "../support/engine-here.ts";
import type { Elicited } from "../support/memory-client.ts";
import type { TinyLoop } from "../support/tiny-loop.ts";
import { type Answered, type ToolClient, toolClient } from "../support/tool-client.ts";

/** What a trick has at hand: a run put back to a point of its course, and clients of a server on it. */
export type Scene = {
  readonly loop: TinyLoop;
  readonly runDir: string;
  /** A path in the run. */
  in(...parts: string[]): string;
  /** A path in the workspace. */
  at(...parts: string[]): string;
  client(options?: {
    env?: Record<string, string>;
    stand?: Stand;
    human?: (message: string) => Elicited;
  }): Promise<ToolClient>;
  /** How a plain `run_stage` ends: the code of its refusal or hard stop, or `passed`. */
  runStage(stand?: Stand): Promise<string>;
  /** Codes with which a preflight of the workspace halts, or `passed`. */
  preflight(patch?: Record<string, unknown>): Promise<string>;
};

export type Tried = { readonly trick: string; readonly outcome: "caught" | "missed"; readonly by: string };

/** Declares one trick as a test: played at `point`, it must end with a code or a text that `caughtBy` matches. */
export type Trick = (
  name: string,
  point: string,
  caughtBy: string | RegExp,
  play: (scene: Scene) => Promise<string>,
) => void;

/** Makes the declarer of tricks for one loop; what was tried is kept for the table at the end. */
export function trickery(loop: () => TinyLoop, tried: Tried[]): Trick {
  return (name, point, caughtBy, play) => {
    it(name, async () => {
      await loop().backTo(point);
      const { scene, close } = openScene(loop());
      const by = await play(scene).finally(close);
      const caught = typeof caughtBy === "string" ? by === caughtBy : caughtBy.test(by);
      tried.push({ trick: name, outcome: caught ? "caught" : "missed", by });
      if (typeof caughtBy === "string") expect(by).toBe(caughtBy);
      else expect(by).toMatch(caughtBy);
    });
  };
}

function openScene(loop: TinyLoop): { scene: Scene; close: () => Promise<void> } {
  const opened: ToolClient[] = [];
  const client: Scene["client"] = async ({ env, stand, human } = {}) => {
    const made = await toolClient(loop.deps(env, stand), human);
    opened.push(made);
    return made;
  };
  const scene: Scene = {
    loop,
    runDir: loop.runDir,
    in: (...parts) => join(loop.runDir, ...parts),
    at: (...parts) => join(loop.workspace, ...parts),
    client,
    async runStage(stand) {
      const one = await client(stand === undefined ? {} : { stand });
      return outcomeOf(await one.call("run_stage", { run: loop.runDir }));
    },
    async preflight(patch = {}) {
      const one = await client();
      const answer = await one.call("preflight", { ...loop.request, ...patch });
      return answer.ok ? haltsOf(answer.result) : answer.code;
    },
  };
  return { scene, close: async () => void (await Promise.all(opened.map((one) => one.close()))) };
}

/** The code of a refusal or of a hard stop, else `passed`. */
export function outcomeOf(answer: Answered): string {
  if (!answer.ok) return answer.code;
  const stop = answer.result.hard_stop;
  return typeof stop === "object" && stop !== null && "code" in stop ? String(stop.code) : "passed";
}

function haltsOf(result: Record<string, unknown>): string {
  const checks = (result.checks ?? []) as { outcome: string; code?: string }[];
  const codes = checks.filter(({ outcome }) => outcome === "halt").map(({ code }) => code ?? "halt");
  return codes.length === 0 ? "passed" : [...new Set(codes)].join(" ");
}

/** Rewrites a file as text. */
export async function edit(path: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(path, "utf8");
  const after = change(before);
  if (after === before) throw new Error(`the edit of ${path} changes nothing`);
  await writeFile(path, after);
}

/** Lines of a text file, the end of the last one left out. */
export async function linesOf(path: string): Promise<string[]> {
  return (await readFile(path, "utf8")).trimEnd().split("\n");
}
