import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { terminalCall } from "../../server/cli/deps.ts";
import { scoreUntil } from "../../server/loop/proof/reproduce.ts";
import { refusalOf } from "../support/refusal.ts";
import { type TinyLoop, tinyLoop } from "../support/tiny-loop.ts";
import { type Tried, trickery } from "./scene.ts";
import { figureTricks } from "./tricks/figures.ts";

let loop: TinyLoop;
const tried: Tried[] = [];

beforeAll(async () => {
  // A target that the baseline meets: the claim is what these tricks are after.
  loop = await tinyLoop("baseline-evaluate", { kpi_target: "FAR <= 99% at recall=100%" });
}, 600_000);

afterAll(() => loop?.remove());

it("a claim waits while the KPI set is being scored again", async () => {
  await loop.backTo("baseline-evaluate");
  const deps = loop.deps();
  const engine = await deps.executors.embedded?.();
  if (engine === undefined) throw new Error("no engine");
  const slow = { ...engine, poll: async () => ({ state: "running" as const }) };
  const call = terminalCall({ ...deps, executors: { embedded: async () => slow } });
  const refusal = await refusalOf(() =>
    scoreUntil(loop.runDir, { stage: "reproduce", label: "baseline" }, performance.now(), call),
  );
  expect(refusal.code).toBe("metric.reproducing");
});

describe("figures", () => figureTricks(trickery(() => loop, tried)));
