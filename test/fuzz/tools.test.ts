import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { z } from "zod";
import { refusals } from "../../server/errors.ts";
import { tools } from "../../tools/index.ts";
import { cpuMs } from "../support/cpu.ts";
import { cases } from "../support/fuzz.ts";
import { type TinyLoop, tinyLoop } from "../support/tiny-loop.ts";
import { type ToolClient, toolClient } from "../support/tool-client.ts";

const slowMs = 5000;
let loop: TinyLoop;
let client: ToolClient;

beforeAll(async () => {
  loop = await tinyLoop("created");
  await mkdir(join(loop.home, "outside"));
  await writeFile(join(loop.home, "outside", "file"), "untouched");
  // A stopped run: every tool finds one, and none can start a job.
  const stop = await toolClient(loop.deps());
  await stop.call("log_stage", { iteration: "baseline", stage: "train", status: "error", summary: "stopped" });
  await stop.close();
  client = await toolClient(loop.deps({ DEFT_OSMO_BIN: join(loop.home, "no-such-osmo") }));
});

afterAll(async () => {
  await client?.close();
  await loop?.remove();
});

const nasty = fc.oneof(
  fc.constantFrom("", "..", "../../outside/file", "/etc/passwd", "\0", "~", "${HOME}", "__proto__", "a".repeat(5000)),
  fc.constantFrom("=1+1", "<script>", "baseline", "iter1", "iter999999999999999999", "train", "-1", "NaN", "\ud800"),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.string(), { maxLength: 3 }),
  fc.object({ maxDepth: 2 }),
);

/** Arguments by the tool's own names, sometimes with one that it does not have. */
function argumentsOf(input: z.ZodObject): fc.Arbitrary<Record<string, unknown>> {
  const names = Object.keys(input.shape);
  const known = fc.record(Object.fromEntries(names.map((name) => [name, nasty])), { requiredKeys: [] });
  return fc.oneof(
    { arbitrary: known, weight: 9 },
    { arbitrary: fc.dictionary(fc.string(), nasty, { maxKeys: 3 }), weight: 1 },
  );
}

async function digestOf(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name);
    hash.update(name);
    if ((await stat(path)).isFile()) hash.update(await readFile(path));
  }
  return hash.digest("hex");
}

describe("tools given hostile arguments", () => {
  it.each(tools.map((tool) => [tool.name, tool] as const))(
    "%s answers or refuses",
    async (name, tool) => {
      const outside = await digestOf(join(loop.home, "outside"));
      await fc.assert(
        fc.asyncProperty(argumentsOf(tool.input), async (args) => {
          const began = cpuMs();
          const answer = await client.call(name, args);
          expect(cpuMs() - began).toBeLessThan(slowMs);
          if (!answer.ok) expect(Object.keys(refusals)).toContain(answer.code);
        }),
        { numRuns: cases },
      );
      expect(client.logged).toEqual([]);
      expect(await digestOf(join(loop.home, "outside"))).toBe(outside);
      const { status } = JSON.parse(await readFile(join(loop.runDir, "deft_state.json"), "utf8"));
      expect(status).toBe("failed");
    },
    3_600_000,
  );
});
