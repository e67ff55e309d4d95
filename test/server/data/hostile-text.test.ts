import { mkdir, open, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { readDefectSpec } from "../../../engine/synthesis/defect-spec.ts";
import { readTable } from "../../../server/data/csv.ts";
import { Refusal } from "../../../server/errors.ts";
import { parseJson, readJson } from "../../../server/fs/json.ts";
import { limits } from "../../../server/fs/limits.ts";
import { readBytes } from "../../../server/fs/read.ts";
import { readLog } from "../../../server/journal/log-file.ts";
import { readState } from "../../../server/journal/read-state.ts";
import { nextSeq } from "../../../server/loop/next-seq.ts";
import { readObject } from "../../../server/report/lenient.ts";
import { readDefectTypes } from "../../../server/stages/shared/generator-dataset.ts";
import { executionVerdict } from "../../../server/stages/shared/log-marker.ts";
import { parseStatus } from "../../../server/stages/shared/status-json.ts";
import { readTranscript } from "../../../server/tokens/transcript.ts";
import { cpuMs } from "../../support/cpu.ts";
import { folderOfFile } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const folder = folderOfFile();
const slowMs = 5000;
let files = 0;

async function written(parts: Iterable<string | Uint8Array>, name: string): Promise<string> {
  const path = join(folder.path, String(files++), name);
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, "w");
  for (const part of parts) await file.write(Buffer.from(part));
  await file.close();
  return path;
}

const megabyte = "a".repeat(1 << 20);
const deep = 1_000_000;

/** Contents of one line, in pieces. */
const lines: readonly (readonly [name: string, () => Iterable<string | Uint8Array>])[] = [
  ["one line of 200 MB", () => ['{"x":"', ...Array<string>(200).fill(megabyte), '"}\n']],
  ["a million open lists", () => ["[".repeat(deep), "\n"]],
  ["a million nested lists", () => ['{"x":', "[".repeat(deep), "]".repeat(deep), "}\n"]],
  ["a million nested maps", () => ['{"a":'.repeat(deep), "1", "}".repeat(deep), "\n"]],
  ["a million blanks", () => ['{"x":', " ".repeat(deep), "NaN}\n"]],
  ["a million minus signs", () => ['{"x":', "-".repeat(deep), "}\n"]],
  ["a million open quotes", () => ['"'.repeat(deep + 1), "\n"]],
  ["a prototype as key", () => ['{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}\n']],
  ["NUL bytes", () => ["\0".repeat(1000), "\n"]],
  ["bytes that are no UTF-8", () => [Buffer.of(0x7b, 0xff, 0xfe, 0x80, 0x7d, 0x0a)]],
  ["a byte order mark", () => ['\ufeff{"x":1}\n']],
  ["null", () => ["null\n"]],
  ["nothing but 60 million line ends", () => Array<string>(60).fill("\n".repeat(1_000_000))],
];

/** Every reader of JSON lines or JSON files, and the code that it refuses with; undefined where it passes over it. */
const readers: readonly (readonly [name: string, code: string | undefined, (path: string) => unknown])[] = [
  ["loop_log.jsonl", "state.corrupt", readLog],
  ["deft_state.json", "state", (path) => readState(dirname(path))],
  ["deft_state.json", "input", (path) => nextSeq(dirname(path))],
  ["defect_spec.jsonl", "gate.generator-dataset", readDefectTypes],
  ["record.json", undefined, readObject],
  ["session.jsonl", undefined, (path) => readTranscript(path, () => undefined)],
];

describe.each(readers)("%s (%s)", (name, code, read) => {
  it.each(lines)("that is %s is refused or passed over, soon", async (_, parts) => {
    const path = await written(parts(), name);
    const began = cpuMs();
    const refused = await Promise.resolve()
      .then(() => read(path))
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(cpuMs() - began).toBeLessThan(slowMs);
    if (refused !== undefined) {
      expect(refused).toBeInstanceOf(Refusal);
      expect((refused as Refusal).code).toMatch(new RegExp(`^${code ?? "no refusal"}`));
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    await truncate(path, 0);
  });
});

describe("the log of a job", () => {
  it.each([
    ["60 million line ends", "\n".repeat(60_000_000), "absent"],
    ["30 million lines", "a\n".repeat(30_000_000), "absent"],
    ["blanks after the mark", `Execution status:${" ".repeat(10_000_000)}\r`.repeat(3), "absent"],
    ["a coloured verdict", "\u001b[32mExecution status: PASS\u001b[0m\rdone", "PASS"],
    ["a late failure", "Execution status: PASS\nExecution status: FAIL\n", "FAIL"],
    ["a verdict on the next line", "Execution status:\nPASS\n", "absent"],
  ])("that is %s has its verdict, soon", (_, text, verdict) => {
    const began = cpuMs();
    expect(executionVerdict(text)).toBe(verdict);
    expect(cpuMs() - began).toBeLessThan(slowMs);
  });
});

describe("status.json", () => {
  it.each(lines)("that holds %s is passed over, soon, and the lines around it count", (_, parts) => {
    const bad = [...parts()].map((part) => (typeof part === "string" ? part : Buffer.from(part).toString("latin1")));
    const began = cpuMs();
    const status = parseStatus(
      [
        '{"status":"STARTED","message":"Starting Visual ChangeNet train."}\r\n',
        ...bad,
        '{"message":"Training loop in progress","epoch":0,"kpi":{"val_loss":-Infinity,"text":"NaN, NaN"}}\r\n',
        '{"message":"Train finished successfully."}\r\n',
      ].join(""),
      "train",
    );
    expect(cpuMs() - began).toBeLessThan(slowMs);
    expect(status).toMatchObject({ started: true, finished: true, epochs: [0] });
  });
});

describe("JSON", () => {
  it("nests as deep as the limit, counts no bracket inside a text, and no deeper", () => {
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    expect(() => parseJson(nested(limits.json_depth))).not.toThrow();
    expect(() => parseJson(nested(limits.json_depth + 1))).toThrow(SyntaxError);
    expect(parseJson(JSON.stringify({ x: '[{\\"'.repeat(500) }))).toEqual({ x: '[{\\"'.repeat(500) });
    expect(parseJson(JSON.stringify(Array.from({ length: 500 }, () => [{}])))).toHaveLength(500);
  });

  it("of a file above its size is refused unread, with both numbers", async () => {
    const path = await written(["{}"], "huge.json");
    await truncate(path, limits.text_bytes + 1);
    const refusal = await refusalOf(() => readJson(path));
    expect(refusal.code).toBe("input.unreadable-file");
    expect(refusal.facts).toEqual({ path, size_bytes: limits.text_bytes + 1, limit_bytes: limits.text_bytes });
    await truncate(path, 5 * 2 ** 30);
    expect((await refusalOf(() => readBytes(path))).code).toBe("input.unreadable-file");
    await truncate(path, 0);
  });

  it("of a defect spec that is null is the engine's failure, not its crash", async () => {
    const path = await written(["null\n"], "defect_spec.jsonl");
    expect(() => readDefectSpec(path)).toThrow("is not TEXTURE+TYPE");
  });
});

describe("a CSV", () => {
  it.each([
    [
      "whose quote stays open for 100 MB",
      () => ['a,b\n1,"', ...Array<string>(100).fill(megabyte)],
      /longer than 1 MiB/,
    ],
    ["with a cell of 50 MB", () => ["a,b\n1,", ...Array<string>(50).fill(megabyte), "\n"], /longer than 1 MiB/],
    ["with a million columns", () => [Array.from({ length: 1e6 }, (_, at) => `c${at}`).join(","), "\n"], /1 MiB/],
    [
      "with 100,000 columns",
      () => [Array.from({ length: 1e5 }, (_, at) => `c${at}`).join(","), "\n"],
      /too many columns/,
    ],
    ["with a million commas", () => [",".repeat(1e6), "\n"], /too many columns/],
    ["with a column __proto__", () => ["a,__proto__\n1,2\n"], /no row can hold/],
    ["with NUL bytes", () => ["a,b\n1,\0\n"], /NUL/],
    ["with a million quotes", () => ["a,b\n", '"'.repeat(deep + 1)], /never closed|1 MiB|cells/],
  ] as const)("%s is refused, soon", async (_, parts, message) => {
    const path = await written(parts(), "table.csv");
    const began = cpuMs();
    const refusal = await refusalOf(() => readTable(path));
    expect(cpuMs() - began).toBeLessThan(slowMs);
    expect(refusal.code).toBe("input.bad-csv");
    expect(refusal.message).toMatch(message);
    await truncate(path, 0);
  });

  it("with more rows than memory is promised for says what sets the limit", async () => {
    const path = await written(["a\n", "1\n".repeat(1_000_001)], "table.csv");
    const { code, facts } = await refusalOf(() => readTable(path));
    expect(code).toBe("input.too-many-rows");
    expect(facts).toEqual({ path, limit: 1_000_000, setting: "DEFT_TABLE_ROWS" });
  });

  it("that is a directory, or absent, says so", async () => {
    await mkdir(join(folder.path, "dir.csv"), { recursive: true });
    await writeFile(join(folder.path, "empty.csv"), "");
    expect((await refusalOf(() => readTable(join(folder.path, "dir.csv")))).facts.errno).toBe("EISDIR");
    expect((await refusalOf(() => readTable(join(folder.path, "empty.csv")))).code).toBe("input.bad-csv");
  });
});
