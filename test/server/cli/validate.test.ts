import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run } from "../../../server/cli/validate.ts";
import { boardRow, putImages, writeRows } from "../../support/boards.ts";
import { runCommand } from "../../support/command.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();

async function aWorkspace(): Promise<string> {
  const workspace = await folder();
  await putImages(workspace, ["images/boards/b0/C1", "images/golden/b0/C1"]);
  await writeRows(join(workspace, "train.csv"), [boardRow("C1")]);
  return workspace;
}

async function json(argv: string[], cwd: string) {
  const { code, stdout } = await runCommand(run, [...argv, "--json"], cwd);
  return { code, answer: JSON.parse(stdout) };
}

describe("deft-mcp validate", () => {
  it("answers with one object and exit 0 for a sound CSV", async () => {
    const workspace = await aWorkspace();
    const answered = await json(["train.csv", "--workspace", "."], workspace);
    expect(answered).toEqual({ code: 0, answer: { ok: true, rows: 1, problems: [] } });
  });

  it("shows counts, places and what to do, with exit 2", async () => {
    const workspace = await aWorkspace();
    const rows = Array.from({ length: 7 }, (_, at) => boardRow("C1", { label: `Shift${at}` }));
    await writeRows(join(workspace, "t.csv"), rows);
    const argv = ["t.csv", "--workspace", workspace, "--validation", "train.csv", "--kpi", "train.csv"];
    const { code, stdout } = await runCommand(run, argv, workspace);
    expect(code).toBe(2);
    expect(stdout).toContain("t.csv: 7 rows, 4 kinds of problem\ngate.label-case: 7\n  line=2  label=Shift0");
    expect(stdout).toContain("  and 2 more\n  Next: Write PASS exactly so");
    expect(stdout).toContain("gate.train-kpi-leakage: 7\n  line=2  held_line=2  by=path  object_name=C1\n");
    expect((await json(argv, workspace)).answer.problems).toHaveLength(4);
  });

  it.each([
    ["an empty file", ""],
    ["NUL bytes", "input_path,golden_path,label,object_name\na,b,PASS,\0\n"],
    ["another delimiter", "input_path;golden_path;label;object_name\na;b;PASS;c\n"],
    ["a column given twice", "input_path,golden_path,label,object_name,label\na,b,PASS,c,PASS\n"],
    ["a ragged row", "input_path,golden_path,label,object_name\na,b,PASS\n"],
    ["a line of 10 MB", `input_path,golden_path,label,object_name\na,b,PASS,${"c".repeat(10_000_000)}\n`],
    ["UTF-16", Buffer.from("\uFEFFinput_path,golden_path,label,object_name\n", "utf16le")],
  ])("refuses %s", async (_, content) => {
    const workspace = await folder();
    await writeFile(join(workspace, "t.csv"), content);
    const { code, answer } = await json(["t.csv", "--workspace", "."], workspace);
    expect([code, answer.error.code]).toEqual([2, "input.bad-csv"]);
  });

  it("refuses a directory, a FIFO, an absent file, and a call without a workspace", async () => {
    const workspace = await aWorkspace();
    execFileSync("mkfifo", [join(workspace, "fifo")]);
    for (const csv of [".", "fifo", "none.csv"]) {
      const { code, answer } = await json([csv, "--workspace", "."], workspace);
      expect([code, answer.error.code]).toEqual([2, "input.unreadable-file"]);
    }
    expect((await json(["train.csv"], workspace)).answer.error.code).toBe("input.no-workspace");
  });

  it("finds a label column wherever it stands", async () => {
    const workspace = await aWorkspace();
    await writeFile(
      join(workspace, "t.csv"),
      "object_name,label,golden_path,input_path\nC1,PASS,golden/b0,boards/b0\n",
    );
    const { answer } = await json(["t.csv", "--workspace", "."], workspace);
    expect(answer).toEqual({ ok: true, rows: 1, problems: [] });
  });
});
