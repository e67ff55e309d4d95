import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { generateWorkspace } from "../../../engine/workspace/generate.ts";
import { run as replay } from "../../../server/cli/replay.ts";
import { run as trace } from "../../../server/cli/trace.ts";
import { hashOfStored } from "../../../server/trace/stored-file.ts";
import { runCommand } from "../../support/command.ts";
import { folderOfFile, temporaryFolders } from "../../support/folder.ts";

const traces = resolve("test/traces");
const file = folderOfFile();
const newFolder = temporaryFolders();
let workspace: string;

beforeAll(async () => {
  workspace = join(file.path, "boards");
  await generateWorkspace(workspace, { seed: 5, size: "tiny" });
});

// biome-ignore lint/suspicious/noExplicitAny: a test edits lines of every kind
type Edited = any;

/** A copy of the hard-stop trace with one connection's lines edited; lines are numbered again unless told not to. */
async function edited(edit: (lines: Edited[]) => Edited[], options: { connection?: number; number?: boolean } = {}) {
  const folder = join(await newFolder(), "trace");
  await cp(join(traces, "hard-stop"), folder, { recursive: true });
  const path = join(folder, `connection-${options.connection ?? 1}.jsonl`);
  const lines = (await readFile(path, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const now = edit(lines);
  const numbered = options.number === false ? now : now.map((line, index) => ({ ...line, n: index + 1 }));
  await writeFile(path, `${numbered.map((line) => JSON.stringify(line)).join("\n")}\n`);
  return folder;
}

async function replayed(folder: string, ...options: string[]) {
  const { code, stdout } = await runCommand(replay, [folder, "--workspace", workspace, "--json", ...options]);
  return { code, ...JSON.parse(stdout) };
}

const first = (lines: Edited[], kind: string): Edited => lines.find((line) => line.kind === kind);
const callOf = (lines: Edited[], tool: string): Edited => lines.find((line) => line.params?.name === tool);
const resultOf = (lines: Edited[], tool: string): Edited => {
  const { id } = callOf(lines, tool);
  return lines.find((line) => line.kind === "result" && line.id === id).result;
};
const changed = (change: (lines: Edited[]) => void) => (lines: Edited[]) => {
  change(lines);
  return lines;
};

describe("a recorded run", () => {
  it.each(["good-run", "hard-stop"])("%s still goes the same way", async (name) => {
    expect(await replayed(join(traces, name))).toMatchObject({ code: 0, same: true, differences: [] });
  });

  it("is replayed on a workspace that is made anew, and in several processes' worth at once", async () => {
    const all = await Promise.all([1, 2, 3].map(() => runCommand(replay, [join(traces, "hard-stop")])));
    for (const { code, stdout } of all) expect([code, stdout]).toEqual([0, expect.stringMatching(/^same: 11 calls/)]);
  });

  it("leaves nothing in the workspace that was given", async () => {
    await replayed(join(traces, "hard-stop"));
    expect(await readdir(join(workspace, "results"))).toEqual([]);
  });

  it("is shown to people", async () => {
    const { stdout } = await runCommand(trace, ["show", join(traces, "hard-stop")]);
    expect(stdout).toContain("call        acknowledge_stop");
    expect(stdout).toContain('answered  {"action":"accept","content":{"approve":true}}');
    expect(stdout).toContain("logged    1 baseline train error: executor.lost-job");
  });
});

describe("a difference is caught", () => {
  it.each<[string, (lines: Edited[]) => Edited[], number]>([
    [
      "a renamed field of a result",
      changed((lines) => {
        const { structured } = resultOf(lines, "approve_plan");
        structured.how = structured.approved;
        delete structured.approved;
      }),
      1,
    ],
    [
      "another value of a result",
      changed((lines) => {
        resultOf(lines, "preflight").structured.ok = false;
      }),
      1,
    ],
    [
      "another refusal",
      changed((lines) => {
        lines.find((l) => l.result?.refused).result.text = "x: y";
      }),
      1,
    ],
    ["a changed argument of a job", changed((lines) => void first(lines, "job-start").spec.argv.push("--more")), 1],
    [
      "another mount of a job",
      changed((lines) => {
        first(lines, "job-start").spec.mounts = [];
      }),
      1,
    ],
    [
      "another threshold",
      changed((lines) => {
        const event = lines.find((line) => line.kind === "event" && line.entry.stage === "evaluate");
        event.figures.threshold += 1e-9;
      }),
      2,
    ],
    [
      "scores that another model gave",
      changed((lines) => {
        const csv = lines.find((line) => line.kind === "file" && String(line.content).includes("siamese_score"));
        const before = csv.sha256;
        csv.content = csv.content.replace(/,0\.99\d+/g, ",0.5");
        csv.sha256 = hashOfStored(csv);
        const outputs = lines.flatMap((line) => (line.kind === "job-end" ? line.outputs : []));
        for (const output of outputs) if (output.stored === before) output.stored = csv.sha256;
      }),
      2,
    ],
    ["a dropped log entry", (lines) => lines.filter((line) => line !== first(lines, "event")), 1],
    ["a dropped question", (lines) => lines.filter(({ kind }) => kind !== "ask" && kind !== "answer"), 1],
    ["a dropped job", (lines) => lines.filter((line) => line.kind !== "job-start"), 1],
    [
      "a job that is never started",
      (lines) => {
        const start = first(lines, "job-start");
        const more = { ...start, spec: { ...start.spec, id: "baseline-train-1-more" } };
        return lines.flatMap((line) => (line === start ? [line, more] : [line]));
      },
      1,
    ],
    [
      "a dropped call",
      (lines) => {
        const { id } = callOf(lines, "acknowledge_stop");
        return lines.filter(
          (line) =>
            (!(line.id === id && /request|result/.test(line.kind)) && !/ask|answer/.test(line.kind)) ||
            callOf(lines, "approve_plan") === line,
        );
      },
      1,
    ],
    [
      "a reordered call",
      (lines) => {
        const calls = lines.filter((line) => line.params?.name === "run_stage");
        const acknowledge = callOf(lines, "acknowledge_stop");
        const last = calls.at(-1);
        return lines.map((line) =>
          line === last
            ? { ...acknowledge, id: last.id }
            : line === acknowledge
              ? { ...last, id: acknowledge.id }
              : line,
        );
      },
      1,
    ],
    [
      "a human who says no",
      changed((lines) => {
        first(lines, "answer").result = { action: "decline" };
      }),
      1,
    ],
    [
      "another question to the human",
      changed((lines) => {
        first(lines, "ask").params.message = "Sure?";
      }),
      1,
    ],
    [
      "a tool that lost an argument",
      changed((lines) => {
        const listed = lines.find((line) => line.kind === "result" && line.result.tools !== undefined);
        listed.result.tools[0].arguments.push("more");
      }),
      1,
    ],
    [
      "another end of a job",
      changed((lines) => {
        first(lines, "job-end").exit = { outcome: "oom" };
      }),
      1,
    ],
  ])("%s", async (_, edit, connection) => {
    const result = await replayed(await edited(edit, { connection }));
    expect([result.code, result.same, result.differences.length > 0]).toEqual([1, false, true]);
    expect(result.error.code).toBe("trace.difference");
    expect(result.differences[0].file).toBe(`connection-${connection}.jsonl`);
  });

  it("and printed with the place, both values and the calls before it", async () => {
    const folder = await edited(changed((lines) => void first(lines, "job-start").spec.argv.push("--more")));
    const { code, stdout } = await runCommand(replay, [folder, "--workspace", workspace]);
    expect(code).toBe(1);
    expect(stdout).toContain(
      "job baseline-train-1-train\n  at spec.argv[4]\n  - recorded  --more\n  + now       (nothing)",
    );
    expect(stdout).toContain("call        run_stage");
  });

  it("unless it is a new field and new fields are allowed", async () => {
    const lost = changed((lines) => void delete resultOf(lines, "approve_plan").structured.approved);
    const folder = await edited(lost);
    expect((await replayed(folder)).code).toBe(1);
    expect((await replayed(folder, "--allow-new-fields")).code).toBe(0);
  });

  it("and accepted by an update, after which the trace replays", async () => {
    const folder = await edited(
      changed((lines) => {
        first(lines, "job-start").spec.argv.push("--more");
        resultOf(lines, "approve_plan").structured.approved = "console";
        first(lines, "event").entry.summary = "another";
      }),
    );
    const updated = await replayed(folder, "--update");
    expect(updated).toMatchObject({ code: 0, updated: true });
    expect(updated.differences).toHaveLength(3);
    expect(await replayed(folder)).toMatchObject({ code: 0, same: true, updated: false });
  });

  it("also when only the spec of the workspace differs, which is noted", async () => {
    const other = join(await newFolder(), "boards");
    await cp(workspace, other, { recursive: true });
    const spec = join(other, "specs", "baseline_spec.yaml");
    const text = await readFile(spec, "utf8");
    await writeFile(spec, text.replace(/num_epochs: \d+/, "num_epochs: 3"));
    const { code, stdout } = await runCommand(replay, [join(traces, "hard-stop"), "--workspace", other]);
    expect([code, stdout]).toEqual([
      1,
      expect.stringContaining("note: specs/baseline_spec.yaml is not the recorded one"),
    ]);
  });
});

describe("a trace that cannot be used is refused", () => {
  const same = (lines: Edited[]) => lines;

  it.each<[string, (lines: Edited[]) => Edited[], number, RegExp]>([
    ["without its end", (lines) => lines.slice(0, -3), 2, /stops in the middle/],
    [
      "of a newer format",
      changed((lines) => {
        lines[0].format = 2;
      }),
      1,
      /newer format/,
    ],
    ["with a line dropped", (lines) => lines.filter((line) => line.kind !== "event"), 1, /missing or out of place/],
    [
      "with a file missing",
      (lines) => lines.filter((line) => line !== first(lines, "file")),
      2,
      /out of place|missing/,
    ],
    [
      "with a file changed",
      changed((lines) => {
        first(lines, "file").content += "x";
      }),
      2,
      /was changed/,
    ],
    ["of another shape", changed((lines) => void delete first(lines, "job-start").spec.argv), 1, /another shape/],
    [
      "with an unknown tool",
      changed((lines) => {
        callOf(lines, "preflight").params.name = "fly";
      }),
      1,
      /a tool/,
    ],
    ["without its beginning", (lines) => lines.slice(1), 1, /out of place/],
  ])("%s", async (_, edit, connection, message) => {
    const result = await replayed(await edited(edit, { connection, number: false }));
    expect([result.code, result.error.code]).toEqual([2, "trace.unusable"]);
    expect(result.error.message).toMatch(message);
  });

  it("torn, not there, or without a connection in between", async () => {
    const folder = await edited(same);
    const path = join(folder, "connection-2.jsonl");
    await writeFile(path, (await readFile(path, "utf8")).slice(0, -20));
    expect((await replayed(folder)).error.message).toMatch(/torn line/);
    expect((await replayed(await newFolder())).error.message).toMatch(/no trace here/);
    const gap = join(await newFolder(), "trace");
    await mkdir(gap);
    await cp(join(traces, "hard-stop", "connection-2.jsonl"), join(gap, "connection-2.jsonl"));
    expect((await replayed(gap)).error.message).toMatch(/connection of the trace is missing/);
  });

  it("with a file named that is not stored, numbered as if nothing were missing", async () => {
    const folder = await edited((lines) => lines.filter((line) => line !== first(lines, "file")), { connection: 2 });
    expect((await replayed(folder)).error.message).toBe("A recorded file is missing.");
  });

  it("on another workspace, also one of the same generator", async () => {
    const other = join(await newFolder(), "boards");
    await generateWorkspace(other, { seed: 6, size: "tiny" });
    const { code, stdout } = await runCommand(replay, [join(traces, "hard-stop"), "--workspace", other, "--json"]);
    expect([code, JSON.parse(stdout).error.message]).toEqual([2, "This is another workspace than the recorded one."]);
  });

  it("but what a killed server left is replayed when asked for", async () => {
    const folder = await edited((lines) => lines.slice(0, lines.indexOf(callOf(lines, "finish_loop")) + 1), {
      connection: 2,
    });
    expect(await replayed(folder, "--partial")).toMatchObject({ code: 0, same: true });
  });
});
