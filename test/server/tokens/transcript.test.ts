import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { collectMessages } from "../../../server/tokens/collect.ts";
import { readTranscript, type Sighting } from "../../../server/tokens/transcript.ts";
import { temporaryFolders } from "../../support/folder.ts";

const temporaryFolder = temporaryFolders();

type Usage = Record<string, unknown>;

function line(id: string, patch: { timestamp?: string; usage?: Usage; type?: string } = {}): string {
  const usage = { input_tokens: 1, output_tokens: 2, cache_read_input_tokens: 3, cache_creation_input_tokens: 4 };
  return JSON.stringify({
    type: patch.type ?? "assistant",
    timestamp: patch.timestamp ?? "2026-05-04T06:00:00.000Z",
    message: { id, model: "m", usage: { ...usage, ...patch.usage } },
  });
}

async function sightings(text: string): Promise<Sighting[]> {
  const path = join(await temporaryFolder(), "transcript.jsonl");
  await writeFile(path, text);
  const found: Sighting[] = [];
  await readTranscript(path, (one) => found.push(one));
  return found;
}

describe("transcript", () => {
  it("passes over lines that are no usage record", async () => {
    const foreign = [
      "not json",
      "",
      '{"type":"user","message":{"content":"he said \\"usage\\""}}',
      '{"type":"assistant","timestamp":"2026-05-04T06:00:00Z","message":{"usage":null}}',
      '{"type":"assistant","message":{"id":"x","usage":{}}}',
      '{"type":"summary","usage":1}',
      '["usage"]',
      '{"type":"assistant","timestamp":"2026-05-04T06:00:00Z","message":{"usage":{}',
      line("user", { type: "user" }),
      line("no-time", { timestamp: "soon" }),
    ];
    const found = await sightings([line("a"), ...foreign, line("b")].join("\n"));
    expect(found.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("finds records that lie across the pieces in which the file is read", async () => {
    const filler = `{"type":"user","text":"${"x".repeat(700_001)}"}`;
    const text = Array.from({ length: 12 }, (_, index) => `${line(`m${index}`)}\n${filler}`).join("\n");
    expect((await sightings(text)).map(({ id }) => id)).toEqual(Array.from({ length: 12 }, (_, index) => `m${index}`));
  });

  it("passes over a line too long to be a record and reads the one behind it", async () => {
    const long = `{"type":"assistant","text":"${"x".repeat(33 * 1024 * 1024)}","usage":1}`;
    expect((await sightings(`${line("a")}\n${long}\n${line("b")}\n`)).map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("counts cache creation without a breakdown as five minutes", async () => {
    const [bare] = await sightings(line("a"));
    expect(bare?.message).toMatchObject({ cache_create: 4, cache_create_5m: 4, cache_create_1h: 0 });
    const cache_creation = { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 3 };
    const [split] = await sightings(line("b", { usage: { cache_creation } }));
    expect(split?.message).toMatchObject({ cache_create: 4, cache_create_5m: 1, cache_create_1h: 3 });
  });

  it("counts a message once that is split over lines and repeated in a resumed session", async () => {
    const folder = await temporaryFolder();
    const first = join(folder, "first.jsonl");
    const second = join(folder, "second.jsonl");
    const growing = [1, 2, 9].map((output_tokens) =>
      line("a", { timestamp: `2026-05-04T06:00:0${output_tokens}Z`, usage: { output_tokens } }),
    );
    await writeFile(first, growing.join("\n"));
    await writeFile(second, [growing[1], line("b")].join("\n"));
    const forth = await collectMessages([first, second]);
    const back = await collectMessages([second, first]);
    expect(forth.map(({ output }) => output).sort()).toEqual([2, 9]);
    expect(new Set(back.map((one) => JSON.stringify(one)))).toEqual(new Set(forth.map((one) => JSON.stringify(one))));
    expect(forth.find(({ output }) => output === 9)?.at).toBe(Date.parse("2026-05-04T06:00:01Z") * 1000);
  });

  it("takes whole numbers for counts and nothing else, and lines that end as on Windows", async () => {
    const usage = { input_tokens: -5, output_tokens: 1.5, cache_read_input_tokens: "9" };
    const found = await sightings(
      `${line("a", { usage })}\r\n${line("b", { usage: { input_tokens: 1e300, output_tokens: 7e15 } })}\r\n`,
    );
    expect(found.map(({ message }) => [message.input, message.output, message.cache_read])).toEqual([
      [0, 0, 0],
      [0, 1_000_000_000, 3],
    ]);
  });

  it("reads a transcript once that is named twice", async () => {
    const path = join(await temporaryFolder(), "t.jsonl");
    await writeFile(path, line(""));
    expect(await collectMessages([path, path])).toHaveLength(1);
  });

  it("keeps messages without an id apart", async () => {
    const path = join(await temporaryFolder(), "t.jsonl");
    await writeFile(path, [line(""), line("")].join("\n"));
    expect(await collectMessages([path])).toHaveLength(2);
  });
});
