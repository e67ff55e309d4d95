import { noteOutput } from "../../exec/job-output.ts";
import type { EnvironmentFacts } from "../../ports/environment.ts";
import type { Executor, Inspection, PlatformFacts, Readiness } from "../../ports/executor.ts";
import { defined } from "../../run/defined.ts";
import type { Platform } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import type { Tape } from "../../run/tape.ts";
import { declaredSettings } from "../settings.ts";

/** Serves the jobs of one platform from a recording: nothing is started, and nothing of the platform is needed. */
export function cassetteExecutor(platform: Platform, tape: Tape): Executor {
  const answer = async <T>(call: string) => tape.answer(platform, call) as T;
  return {
    platform,
    engine: String(tape.answer(platform, "engine")),
    ...defined({ settings: declaredSettings[platform] }),
    ...(tape.knows(platform, "trains_on") ? { trains_on: String(tape.answer(platform, "trains_on")) } : {}),
    availability: () => answer<{ available: boolean; detail: string }>("availability"),
    ...(tape.knows(platform, "look") ? { look: () => answer<EnvironmentFacts>("look") } : {}),
    ...(tape.knows(platform, "inspect") ? { inspect: () => answer<Inspection>("inspect") } : {}),
    ...(tape.knows(platform, "survey") ? { survey: () => answer<PlatformFacts>("survey") } : {}),
    ...(tape.knows(platform, "makeReady") ? { makeReady: () => answer<Readiness>("makeReady") } : {}),
    async start(runDir, spec) {
      await tape.started(runDir, spec);
      return { cassette: spec.id };
    },
    async poll(runDir, record) {
      const exit = await tape.ended(runDir, record);
      if (exit === undefined) return { state: "running" };
      await noteOutput(runPaths(runDir).jobRecord(record.spec.id), record.spec, {});
      return { state: "ended", exit };
    },
    async progress(runDir, record) {
      return tape.progress(runDir, record);
    },
    async cancel() {},
  };
}
