import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { alignTokens } from "../server/tokens/align.ts";
import { collectMessages } from "../server/tokens/collect.ts";

/** Time and memory of reading transcripts: `node bench/run.mjs tokens [MEGABYTES...]`, sizes 50 and 500 by default. */
const sizes = process.argv.slice(2).map(Number);
const folder = await mkdtemp(join(tmpdir(), "deft-bench-"));
const mib = (bytes: number) => Math.round(bytes / 1024 / 1024);

function block(first: number): string {
  const lines: string[] = [];
  for (let id = first; id < first + 200; id++) {
    const timestamp = new Date(1_763_000_000_000 + id * 500).toISOString();
    const usage = {
      input_tokens: 5,
      output_tokens: 300,
      cache_read_input_tokens: 40_000,
      cache_creation_input_tokens: 900,
    };
    const content = [{ type: "text", text: "word ".repeat(300) }];
    lines.push(
      JSON.stringify({ type: "assistant", timestamp, message: { id: `msg_${id}`, model: "m", content, usage } }),
    );
    lines.push(JSON.stringify({ type: "user", timestamp, message: { content: `a "quoted" line\n`.repeat(180) } }));
  }
  return `${lines.join("\n")}\n`;
}

for (const size of sizes.length > 0 ? sizes : [50, 500]) {
  const path = join(folder, `${size}.jsonl`);
  let bytes = 0;
  for (let id = 0; bytes < size * 1024 * 1024; id += 200) {
    const text = block(id);
    await appendFile(path, text);
    bytes += text.length;
  }
  const started = performance.now();
  const messages = await collectMessages([path]);
  alignTokens([{ seq: 1, ts: "2026-11-21T00:00:00Z" }], messages);
  const ms = Math.round(performance.now() - started);
  console.log(
    `${mib(bytes)} MiB, ${messages.length} messages: ${ms} ms, resident at most ${mib(process.resourceUsage().maxRSS * 1024)} MiB`,
  );
  await rm(path);
}
await rm(folder, { recursive: true });
