import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import jpeg from "jpeg-js";
import { PNG } from "pngjs";
import { specText } from "../../engine/workspace/spec.ts";
import { readChangeNet } from "../../server/data/changenet.ts";
import { decodePixels } from "../../server/data/decode/decode-image.ts";
import { grayLevels } from "../../server/data/decode/gray-levels.ts";
import { readScores } from "../../server/data/inference.ts";
import { readParquet, writeParquet } from "../../server/data/parquet.ts";
import { parseSpec } from "../../server/data/spec.ts";
import { Refusal } from "../../server/errors.ts";
import { readLog } from "../../server/journal/log-file.ts";
import { readDefectTypes } from "../../server/stages/shared/generator-dataset.ts";
import { mapTexts, parseSpecDocument } from "../../server/stages/shared/spec-document.ts";
import { parseStatus } from "../../server/stages/shared/status-json.ts";
import { readTranscript } from "../../server/tokens/transcript.ts";
import { loadTrace } from "../../server/trace/load.ts";
import { cpuMs } from "../support/cpu.ts";
import { cases } from "../support/fuzz.ts";

const slowMs = 5000;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deft-fuzz-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Change = (bytes: Uint8Array) => Uint8Array;

/** A valid file with a few bytes changed, cut, turned round or with another text put in. */
function spoiled(base: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat({ max: base.length - 1 });
  const overwrite = fc.tuple(at, fc.nat({ max: 255 })).map(
    ([place, byte]): Change =>
      (bytes) => {
        const copy = Uint8Array.from(bytes);
        copy[place % copy.length] = byte;
        return copy;
      },
  );
  const cut = at.map(
    (place): Change =>
      (bytes) =>
        bytes.subarray(0, Math.max(1, place % bytes.length)),
  );
  const turn = fc.tuple(at, at).map(
    ([from, to]): Change =>
      (bytes) =>
        joined(bytes.subarray(from), bytes.subarray(0, to)),
  );
  const insert = fc.tuple(at, fc.string({ unit: "binary", maxLength: 40 })).map(
    ([place, text]): Change =>
      (bytes) =>
        joined(bytes.subarray(0, place), Buffer.from(text), bytes.subarray(place)),
  );
  const changes = fc.array(fc.oneof(overwrite, cut, turn, insert), { minLength: 1, maxLength: 4 });
  return changes.map((all) => all.reduce((bytes: Uint8Array, one) => (bytes.length === 0 ? bytes : one(bytes)), base));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Reads each spoiled file: a value or a refusal, never another error, never for seconds. */
async function neverBreaks(base: Uint8Array, name: string, read: (path: string) => unknown): Promise<void> {
  const path = join(folder, name);
  await fc.assert(
    fc.asyncProperty(spoiled(base), async (bytes) => {
      await writeFile(path, bytes);
      const began = cpuMs();
      try {
        await read(path);
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal);
      }
      expect(cpuMs() - began).toBeLessThan(slowMs);
    }),
    { numRuns: cases },
  );
}

const csv = `input_path,golden_path,label,object_name,boardname,siamese_score
a/b,"a/c",PASS,o1,B1,0.5
"a,b",a/c,bridge,"o ""2""",B1,1e-3
`;
const entry = { seq: 1, ts: "t", iter: "baseline", stage: "train", status: "ok", summary: "s", duration_sec: 1 };
const line = `${JSON.stringify({ ...entry, context_tokens: 0 })}\n`;

describe("readers of spoiled files", () => {
  it("read CSV or refuse it", () => neverBreaks(Buffer.from(csv), "a.csv", readChangeNet));
  it("read scores or refuse them", () => neverBreaks(Buffer.from(csv), "b.csv", (path) => readScores(path)));

  it("read YAML or refuse it", async () => {
    const read = async (path: string) => parseSpec(await readFile(path, "utf8"), path);
    await neverBreaks(Buffer.from(specText("fuzz")), "a.yaml", read);
  });

  it("refuse YAML whose aliases explode", () => {
    const levels = Array.from({ length: 30 }, (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at},`.repeat(9)}]`);
    const bomb = `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${levels.join("\n")}\ndataset: {classify: {}}\n`;
    const began = cpuMs();
    expect(() => parseSpec(bomb, "bomb.yaml")).toThrow(Refusal);
    expect(cpuMs() - began).toBeLessThan(slowMs);
  });

  it("read a spec to derive from, or refuse it", async () => {
    const read = async (path: string) => {
      const document = parseSpecDocument(await readFile(path, "utf8"), path);
      mapTexts(document, (text) => text.toUpperCase());
      document.toString();
    };
    await neverBreaks(Buffer.from(specText("fuzz")), "b.yaml", read);
  });

  it("read defect specs or refuse them", async () => {
    const spec = `{"defect_type":"PCB+bridge","spatial_dependency":"cad","roi_prompt_defect_location":"on a pad"}\n`;
    await neverBreaks(Buffer.from(spec.repeat(3)), "defect_spec.jsonl", readDefectTypes);
  });

  it("pass over what is no message of a transcript", async () => {
    const usage = { input_tokens: 3, output_tokens: 5, cache_creation: { ephemeral_1h_input_tokens: 1 } };
    const said = { type: "assistant", timestamp: "2025-01-01T00:00:00Z", message: { id: "m", model: "x", usage } };
    const text = Buffer.from(`${JSON.stringify(said)}\n`.repeat(3));
    await neverBreaks(text, "session.jsonl", (path) => readTranscript(path, () => undefined));
  });

  it("read a trace or refuse it", async () => {
    const name = "connection-1.jsonl";
    const lines = (await readFile(`test/traces/hard-stop/${name}`, "utf8")).split("\n").slice(0, 12);
    const read = (path: string) => loadTrace(dirname(path), { partial: true });
    await neverBreaks(Buffer.from(`${lines.join("\n")}\n`), name, read);
  });

  it.each([
    ["JPEG", Buffer.from(jpeg.encode({ width: 32, height: 32, data: Buffer.alloc(4096, 90) }, 80).data)],
    ["PNG", PNG.sync.write(new PNG({ width: 32, height: 32 }))],
  ])("decode a %s or say that it is none", async (_, image) => {
    const read = async (path: string) => {
      const bytes = await readFile(path);
      decodePixels(bytes);
      grayLevels(bytes, 16);
    };
    await neverBreaks(image, "image", read);
  });

  it("read the log or refuse it", () => neverBreaks(Buffer.from(line.repeat(3)), "a.jsonl", readLog));

  it("read status lines, whatever they hold", async () => {
    const status = `{"status":"STARTED","message":"Starting Visual ChangeNet train."}\n{"epoch":0,"kpi":{"val_loss":NaN}}\n`;
    const read = async (path: string) => parseStatus(await readFile(path, "utf8"), "train");
    await neverBreaks(Buffer.from(status), "status.json", read);
  });

  it("refuse parquet that is cut short anywhere", async () => {
    const path = join(folder, "valid.parquet");
    await writeParquet(path, [
      { name: "filepath", type: "string", values: ["a", "b", "c"] },
      { name: "score", type: "double", values: [1, 2, 3] },
      { name: "embedding", type: "double_list", values: [[1, 2], [3], []] },
    ]);
    const whole = await readFile(path);
    for (let length = 1; length < whole.length; length++) {
      await writeFile(path, whole.subarray(0, length));
      await expect(readParquet(path)).rejects.toBeInstanceOf(Refusal);
    }
  });
});
