import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run as tokensCommand } from "../../../server/cli/tokens.ts";
import { commit, readRun, withRun } from "../../../server/journal/journal.ts";
import { runPaths } from "../../../server/run/paths.ts";
import { alignRunTokens, tryAlignTokens } from "../../../server/tokens/align-run.ts";
import { aRun, testDeps } from "../../support/a-run.ts";
import { builtBin } from "../../support/built-server.ts";
import { runCommand } from "../../support/command.ts";
import { temporaryFolders } from "../../support/folder.ts";

const temporaryFolder = temporaryFolders();
const stages = ["train", "evaluate", "rca"] as const;

/** A run with one entry an hour from 11:00, and a home with what its agent wrote. */
async function aRunWithTranscripts(files: Record<string, string[]>) {
  const home = await temporaryFolder();
  const project = join(home, "boards");
  await mkdir(project);
  const runDir = await aRun(project);
  for (const [index, stage] of stages.entries()) {
    const clock = { now: () => new Date(Date.parse("2026-11-21T11:00:00Z") + index * 3_600_000) };
    await withRun(runDir, (run) =>
      commit(
        run,
        run.state,
        { iter: "baseline", stage, status: "ok", summary: "s", duration_sec: 1 },
        testDeps({ clock }),
      ),
    );
  }
  const folder = join(home, ".claude", "projects", project.replaceAll("/", "-"));
  await mkdir(folder, { recursive: true });
  for (const [name, lines] of Object.entries(files)) await writeFile(join(folder, name), lines.join("\n"));
  return { runDir, project, deps: testDeps({ env: { HOME: home }, cwd: project }), log: runPaths(runDir).log };
}

function said(id: string, time: string, output_tokens: number): string {
  const usage = { input_tokens: 10, output_tokens, cache_read_input_tokens: 100 };
  return JSON.stringify({ type: "assistant", timestamp: `2026-11-21T${time}Z`, message: { id, model: "m", usage } });
}

describe("aligning a run's tokens", () => {
  it("merges interleaved sessions, writes both keys and leaves the digest chain intact", async () => {
    const { runDir, deps } = await aRunWithTranscripts({
      "one.jsonl": [said("a", "10:30:00", 1), said("c", "11:40:00", 4), said("e", "14:00:00", 99)],
      "two.jsonl": ["broken {", said("b", "11:20:00", 2), said("b", "11:20:01", 2)],
    });
    const before = await readRun(runDir);
    const aligned = await alignRunTokens(runDir, deps);
    expect(aligned).toMatchObject({ attributed: 3, messages: 4, stages: 3, changed: true });
    const after = await readRun(runDir);
    expect(after.integrity).toEqual({ ok: true });
    expect(
      after.entries.map(({ tokens, context_tokens }) => [(tokens as { output: number }).output, context_tokens]),
    ).toEqual([
      [1, 110],
      [6, 110],
      [0, 0],
    ]);
    const bare = (entries: typeof after.entries) => entries.map(({ tokens: _t, context_tokens: _c, ...rest }) => rest);
    expect(bare(after.entries)).toEqual(bare(before.entries));
    // It is a commit of its own, which changes nothing else.
    const { revision, integrity: _digests, ...rest } = before.state;
    expect(after.state).toMatchObject({ ...rest, revision: (revision ?? 0) + 1 });
  });

  it("says the same again and then changes nothing; later commits go on", async () => {
    const { runDir, deps, log } = await aRunWithTranscripts({ "one.jsonl": [said("a", "10:30:00", 1)] });
    await alignRunTokens(runDir, deps);
    const text = await readFile(log, "utf8");
    expect(await alignRunTokens(runDir, deps)).toMatchObject({ attributed: 1, changed: false });
    expect(await readFile(log, "utf8")).toBe(text);
    const entry = { iter: "baseline", stage: "loop_stop", status: "ok", summary: "s", duration_sec: 1 } as const;
    await withRun(runDir, (run) => commit(run, run.state, entry, deps));
    expect((await readRun(runDir)).integrity).toEqual({ ok: true });
  });

  it("still sees an edit of anything else in the log", async () => {
    const { runDir, deps, log } = await aRunWithTranscripts({ "one.jsonl": [said("a", "10:30:00", 1)] });
    await alignRunTokens(runDir, deps);
    await writeFile(log, (await readFile(log, "utf8")).replace('"summary":"s"', '"summary":"better"'));
    expect((await readRun(runDir)).integrity).toMatchObject({ ok: false });
    expect(await tryAlignTokens(runDir, deps)).toContain("Tokens were not aligned");
  });

  it("leaves the log as it is without transcripts, and warns when the clocks do not meet", async () => {
    const none = await aRunWithTranscripts({});
    const text = await readFile(none.log, "utf8");
    expect(await alignRunTokens(none.runDir, none.deps)).toMatchObject({ changed: false, note: expect.any(String) });
    expect(await tryAlignTokens(none.runDir, none.deps)).toBeUndefined();
    expect(await readFile(none.log, "utf8")).toBe(text);
    const skewed = await aRunWithTranscripts({ "one.jsonl": [said("a", "20:00:00", 1)] });
    expect(await tryAlignTokens(skewed.runDir, skewed.deps)).toContain("No message of the transcript falls into");
    expect(await readFile(skewed.log, "utf8")).not.toContain('tokens":{');
  });

  it("leaves the log readable whatever numbers a transcript holds", async () => {
    const strange = said("a", "10:30:00", 1).replace('"input_tokens":10', '"input_tokens":-0.5');
    const { runDir, deps } = await aRunWithTranscripts({ "one.jsonl": [strange] });
    await alignRunTokens(runDir, deps);
    expect((await readRun(runDir)).entries[0]).toMatchObject({ context_tokens: 100 });
  });

  it("leaves the old log when the new one cannot be written, and can be repeated", async () => {
    const { runDir, project, log } = await aRunWithTranscripts({ "one.jsonl": [said("a", "10:30:00", 1)] });
    const before = await readFile(log, "utf8");
    const names = await readdir(runDir);
    const argv = [process.execPath, builtBin, "tokens", runDir];
    const env = { PATH: process.env.PATH ?? "", HOME: join(project, "..") };
    // Files of this process end at half a kilobyte.
    const shell = ["-c", 'ulimit -f 1; exec "$@"', "sh", ...argv];
    const limited = spawnSync("sh", shell, { cwd: project, env, encoding: "utf8" });
    expect([limited.status, limited.stderr]).toEqual([2, expect.stringContaining("input.write-failed")]);
    expect(await readdir(runDir)).toEqual(names);
    expect(await readFile(log, "utf8")).toBe(before);
    expect((await readRun(runDir)).integrity).toEqual({ ok: true });
    const whole = spawnSync(process.execPath, argv.slice(1), { cwd: project, env, encoding: "utf8" });
    expect([whole.status, whole.stdout]).toEqual([0, expect.stringContaining("1 of 1 messages")]);
  });

  it("merges the transcripts and folders that a person names, each file once", async () => {
    const { runDir, project } = await aRunWithTranscripts({});
    await mkdir(join(project, "more"));
    await writeFile(join(project, "more", "one.jsonl"), [said("", "10:30:00", 1), said("x", "11:30:00", 2)].join("\n"));
    await writeFile(join(project, "two.jsonl"), [said("", "10:31:00", 4), said("x", "11:30:00", 2)].join("\n"));
    const named = ["two.jsonl", "more", "more/one.jsonl"].flatMap((path) => ["--transcript", path]);
    const { stdout } = await runCommand(tokensCommand, [runDir, ...named, "--json"], project);
    expect(JSON.parse(stdout)).toMatchObject({ attributed: 3, messages: 3, changed: true });
    const outputs = (await readRun(runDir)).entries.map(({ tokens }) => (tokens as { output: number }).output);
    expect(outputs).toEqual([5, 2, 0]);
  });

  it("reads a transcript that a person names", async () => {
    const { runDir, project, log } = await aRunWithTranscripts({});
    const path = join(project, "mine.jsonl");
    await writeFile(path, said("a", "10:30:00", 5));
    const shown = await runCommand(tokensCommand, [runDir, "--transcript", "mine.jsonl"], project);
    expect(shown.stdout).toContain(
      "1 of 1 messages of 1 transcript attributed to 3 log entries; loop_log.jsonl rewritten",
    );
    expect(await readFile(log, "utf8")).toContain('"output":5');
    const missing = await runCommand(tokensCommand, [runDir, "--transcript", "no.jsonl", "--json"], project);
    expect([missing.code, JSON.parse(missing.stdout).error.code]).toEqual([2, "input.unreadable-file"]);
  });
});
