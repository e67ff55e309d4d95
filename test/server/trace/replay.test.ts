import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { generateWorkspace } from "../../../engine/workspace/generate.ts";
import { run as replay } from "../../../server/cli/replay.ts";
import { run as trace } from "../../../server/cli/trace.ts";
import { traceFormat } from "../../../server/trace/format.ts";
import { runCommand } from "../../support/command.ts";
import { editStored, editTrace, type Lines } from "../../support/edited-trace.ts";
import { folderOfFile, temporaryFolders } from "../../support/folder.ts";

const traces = resolve("test/traces");
const file = folderOfFile();
const newFolder = temporaryFolders();
let workspace: string;

beforeAll(async () => {
  workspace = join(file.path, "boards");
  await generateWorkspace(workspace, { seed: 5, size: "tiny" });
});

/** A copy of the hard-stop trace with one connection's lines edited. */
async function edited(edit: (lines: Lines) => Lines, options: { connection?: number; number?: boolean } = {}) {
  return await editTrace(join(traces, "hard-stop"), await newFolder(), edit, options);
}

async function replayed(folder: string, ...options: string[]) {
  const { code, stdout } = await runCommand(replay, [folder, "--workspace", workspace, "--json", ...options]);
  return { code, ...JSON.parse(stdout) };
}

type Line = Lines[number];
const first = (lines: Lines, kind: string): Line => lines.find((line) => line.kind === kind);
const callOf = (lines: Lines, tool: string): Line => lines.find((line) => line.params?.name === tool);
const resultOf = (lines: Lines, tool: string): Line => {
  const { id } = callOf(lines, tool);
  return lines.find((line) => line.kind === "result" && line.id === id).result;
};
const changed = (change: (lines: Lines) => void) => (lines: Lines) => {
  change(lines);
  return lines;
};

describe("a recorded run", () => {
  it("still goes the same way, also on a workspace made anew and several at once, and leaves nothing behind", async () => {
    const [good, stopped, anew] = await Promise.all([
      replayed(join(traces, "good-run")),
      replayed(join(traces, "hard-stop")),
      runCommand(replay, [join(traces, "hard-stop")]),
    ]);
    expect(good).toMatchObject({ code: 0, same: true, calls: 14, differences: [] });
    expect(stopped).toMatchObject({ code: 0, same: true, calls: 11, differences: [] });
    expect([anew.code, anew.stdout]).toEqual([0, expect.stringMatching(/^same: 11 calls/)]);
    expect(await readdir(join(workspace, "results"))).toEqual([]);
  });

  it("tells whose content the trace lacks, where a replay reads something else", async () => {
    const folder = await edited(
      changed((lines) => {
        for (const { outputs = [] } of lines)
          for (const output of outputs) if (output.path.endsWith("inference.log")) delete output.stored;
      }),
      { connection: 2 },
    );
    const { code, notes } = await replayed(folder);
    expect([code, notes]).toEqual([
      1,
      [expect.stringContaining("lacks the content of baseline/inference/best_val/inference.log")],
    ]);
  });

  it("is shown to people", async () => {
    const { stdout } = await runCommand(trace, ["show", join(traces, "hard-stop")]);
    expect(stdout).toContain("call        acknowledge_stop");
    expect(stdout).toContain('answered  {"action":"accept","content":{"approve":true}}');
    expect(stdout).toContain("logged    1 baseline train error: executor.lost-job");
    expect(stdout).toMatch(/\nend\nsize {8}0\.0\d MB\n$/);
  });
});

/** Changes of what is expected, which steer nothing: one replay that goes on finds them all. */
const expectations: [string, (lines: Lines) => void, object][] = [
  [
    "a renamed field of a result",
    (lines) => {
      const { structured } = resultOf(lines, "approve_plan");
      structured.how = structured.approved;
      delete structured.approved;
    },
    { what: expect.stringMatching(/^approve_plan/), path: "structured.how", actual: "(nothing)" },
  ],
  [
    "another value of a result",
    (lines) => void Object.assign(resultOf(lines, "preflight").structured, { ok: false }),
    { what: expect.stringMatching(/^preflight/), path: "structured.ok", expected: false },
  ],
  [
    "another refusal",
    (lines) => void Object.assign(lines.find((l) => l.result?.refused).result, { text: "x: y" }),
    { path: "text", expected: "x: y" },
  ],
  [
    "a changed argument of a job",
    (lines) => void first(lines, "job-start").spec.argv.push("--more"),
    { what: "job baseline-train-1-train", path: "spec.argv[4]", expected: "--more" },
  ],
  [
    "another mount of a job",
    (lines) => void Object.assign(first(lines, "job-start").spec, { mounts: [] }),
    { path: "spec.mounts[0]", expected: "(nothing)" },
  ],
  [
    "a dropped log entry",
    (lines) => void lines.splice(lines.indexOf(first(lines, "event")), 1),
    { path: "[0]", expected: "(nothing)" },
  ],
  [
    "a job that is never started",
    (lines) => {
      const start = first(lines, "job-start");
      const more = { ...start, spec: { ...start.spec, id: "baseline-train-1-more" } };
      lines.splice(lines.indexOf(start), 0, more);
    },
    { path: "job", expected: "baseline-train-1-more", actual: "not started" },
  ],
  [
    "another question to the human",
    (lines) => void Object.assign(first(lines, "ask").params, { message: "Sure?" }),
    { what: "question to the human", path: "params.message", expected: "Sure?" },
  ],
  [
    "a tool that lost an argument",
    (lines) => {
      const listed = lines.find((line) => line.kind === "result" && line.result.tools !== undefined);
      listed.result.tools[0].arguments.push("more");
    },
    { expected: "more", actual: "(nothing)" },
  ],
];

/** Changes that send the replay another way. */
const ways: [string, (lines: Lines) => Lines, number][] = [
  [
    "scores that another model gave",
    (lines) => {
      const csv = lines.find((line) => line.kind === "file" && String(line.content).includes("siamese_score"));
      return editStored(lines, csv.sha256, (content) => content.replace(/,0\.99\d+/g, ",0.5"));
    },
    2,
  ],
  [
    "another threshold",
    changed((lines) => {
      const event = lines.find((line) => line.kind === "event" && line.entry.stage === "evaluate");
      event.figures.threshold += 1e-9;
    }),
    2,
  ],
  ["a dropped question", (lines) => lines.filter(({ kind }) => kind !== "ask" && kind !== "answer"), 1],
  ["a dropped job", (lines) => lines.filter((line) => line.kind !== "job-start"), 1],
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
      const acknowledge = callOf(lines, "acknowledge_stop");
      const last = lines.filter((line) => line.params?.name === "run_stage").at(-1);
      const swapped = new Map([
        [last, { ...acknowledge, id: last.id }],
        [acknowledge, { ...last, id: acknowledge.id }],
      ]);
      return lines.map((line) => swapped.get(line) ?? line);
    },
    1,
  ],
  [
    "a human who says no",
    changed((lines) => void Object.assign(first(lines, "answer"), { result: { action: "decline" } })),
    1,
  ],
  [
    "another end of a job",
    changed((lines) => void Object.assign(first(lines, "job-end"), { exit: { outcome: "oom" } })),
    1,
  ],
];

describe("a difference is caught", () => {
  it("whatever was expected otherwise, and an update accepts it all", async () => {
    const folder = await edited(
      changed((lines) => {
        for (const [, edit] of expectations) edit(lines);
      }),
    );
    const updated = await replayed(folder, "--update");
    expect(updated).toMatchObject({ code: 0, updated: true });
    for (const [name, , difference] of expectations) {
      expect([name, updated.differences]).toEqual([
        name,
        expect.arrayContaining([expect.objectContaining(difference)]),
      ]);
    }
    expect(await replayed(folder)).toMatchObject({ code: 0, same: true, updated: false });
  });

  it.each(ways)("%s", async (_, edit, connection) => {
    const result = await replayed(await edited(edit, { connection }));
    expect([result.code, result.same, result.differences.length > 0]).toEqual([1, false, true]);
    expect(result.error.code).toBe("trace.difference");
    expect(result.differences[0].file).toBe(`connection-${connection}.jsonl`);
  });

  it("but no update makes up a job that was never recorded", async () => {
    const folder = await edited((lines) => lines.filter((line) => line.kind !== "job-start"));
    const result = await replayed(folder, "--update");
    expect(result).toMatchObject({ code: 1, updated: false, notes: [expect.stringContaining("record the run anew")] });
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

  it("and of a long text only what differs is printed, several places under one head", async () => {
    const folder = await edited(
      changed((lines) => {
        const { structured } = resultOf(lines, "preflight");
        structured.summary = structured.summary.replace("| Max iterations | 1 |", "| Max iterations | 2 |");
        structured.ok = false;
      }),
    );
    const { stdout } = await runCommand(replay, [folder, "--workspace", workspace]);
    const [, diff] = stdout.split("\npreflight (request 2): result\n");
    expect(diff?.split("\nNext:")[0]).toBe(
      [
        "  at structured.ok",
        "  - recorded  false",
        "  + now       true",
        "  at structured.summary",
        "  - recorded  | Max iterations | 2 | user |",
        "  + now       | Max iterations | 1 | user |",
      ].join("\n"),
    );
  });

  it("unless it is a new field and new fields are allowed", async () => {
    const lost = changed((lines) => void delete resultOf(lines, "approve_plan").structured.approved);
    const folder = await edited(lost);
    expect((await replayed(folder, "--allow-new-fields")).code).toBe(0);
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
  const same = (lines: Lines) => lines;

  it.each<[string, (lines: Lines) => Lines, number, RegExp]>([
    ["without its end", (lines) => lines.slice(0, -3), 2, /cut off: its last connection never ended/],
    [
      "of a newer format",
      changed((lines) => {
        lines[0].format = traceFormat + 1;
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
    expect((await replayed(folder)).error.message).toMatch(/cut off/);
    const shown = await runCommand(trace, ["show", folder]);
    expect([shown.code, shown.stdout]).toEqual([
      0,
      expect.stringMatching(/\ncut off: the server was killed here\nsize /),
    ]);
    expect((await replayed(await newFolder())).error.message).toMatch(/no trace here/);
    const gap = join(await newFolder(), "trace");
    await mkdir(gap);
    await cp(join(traces, "hard-stop", "connection-2.jsonl"), join(gap, "connection-2.jsonl"));
    expect((await replayed(gap)).error.message).toMatch(/connection of the trace is missing/);
  });

  it("with a file named that is not stored, numbered as if nothing were missing", async () => {
    const dropped = (lines: Lines) => lines.filter((line) => line !== lines.findLast(({ kind }) => kind === "file"));
    const folder = await edited(dropped, { connection: 2 });
    expect((await replayed(folder)).error.message).toBe("A recorded file is missing.");
  });

  it.each<[string, (lines: Lines) => void, RegExp]>([
    [
      "whose output lies outside its run",
      (lines) => void Object.assign(first(lines, "job-end").outputs[0], { path: "../../outside.txt" }),
      /outside its run/,
    ],
    [
      "whose file is packed by nobody",
      (lines) => {
        const { path, stored } = first(lines, "job-end").outputs.find((one: Line) => one.stored !== undefined);
        const file = lines.find(({ sha256 }) => sha256 === stored);
        Object.assign(file, { encoding: "gzip", content: "aGVsbG8=" });
        expect(path).toMatch(/\./);
        editStored(lines, stored, (content) => content);
      },
      /cannot be (unpacked|restored)/,
    ],
    [
      "that lacks what the platform answered",
      (lines) => {
        for (const port of lines.filter(({ call }) => call === "availability")) port.result = {};
      },
      /does not say what the platform answered/,
    ],
  ])("%s", async (_, edit, message) => {
    const folder = await edited(changed(edit));
    const result = await replayed(folder);
    expect([result.code, result.error]).toEqual([2, expect.objectContaining({ code: "trace.unusable" })]);
    expect(result.error.message).toMatch(message);
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
    expect(await replayed(folder, "--partial")).toMatchObject({
      code: 0,
      same: true,
      notes: [expect.stringMatching(/^the trace is cut off after connection-2.jsonl line \d+/)],
    });
  });
});
