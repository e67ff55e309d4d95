import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import type { Call } from "../../server/ports/call.ts";
import { validateCsv } from "../../tools/validate-csv.ts";
import { boardRow, putImages, writeRows } from "../support/boards.ts";
import { temporaryFolders } from "../support/folder.ts";
import { refusalOf } from "../support/refusal.ts";

const folder = temporaryFolders();

function aCall(cwd: string): Call {
  return {
    deps: { clock: { now: () => new Date(0) }, ids: { hex: () => "0" }, env: {}, cwd, executors: {} },
    signal: new AbortController().signal,
    human: { canAsk: false, ask: async () => ({ action: "decline" }) },
    client: "test",
    connection: { shownPlans: new Set(), notes: new Map() },
    progress: () => undefined,
  };
}

async function call(workspace: string, input: Record<string, unknown>) {
  const args = validateCsv.input.parse({ workspace, ...input });
  return validateCsv.output.parse(await validateCsv.handle(args, aCall(workspace)));
}

describe("validate_csv", () => {
  it("sums up in its first line and stays small", async () => {
    const workspace = await folder();
    await putImages(workspace, ["images/boards/b0/C1", "images/golden/b0/C1"]);
    const rows = Array.from({ length: 3000 }, (_, at) => boardRow(`C${at + 1}`, { label: "Shift" }));
    await writeRows(join(workspace, "train.csv"), rows);
    await writeRows(join(workspace, "val.csv"), rows.slice(0, 1));
    const result = await call(workspace, { csv: "train.csv", validation_csv: "val.csv" });
    expect(Object.keys(result)[0]).toBe("status_line");
    expect(result.status_line).toBe(
      "3000 rows; gate.label-case 3000, gate.missing-image 5998, gate.train-val-leakage 1, 1 warning",
    );
    expect(JSON.stringify(result).length).toBeLessThan(4000);
  });

  it("says that a sound CSV is sound", async () => {
    const workspace = await folder();
    const names = ["C1", "C2"];
    await putImages(
      workspace,
      names.flatMap((name) => [`images/boards/b0/${name}`, `images/golden/b0/${name}`]),
    );
    const second = (label: string) => [boardRow("C1"), boardRow("C2", { label })];
    await writeRows(join(workspace, "train.csv"), second("shift"));
    await writeRows(join(workspace, "odd.csv"), second("good"));
    expect(await call(workspace, { csv: "train.csv" })).toEqual({
      status_line: "2 rows, no problem",
      ok: true,
      rows: 2,
      problems: [],
      warnings: [],
    });
    expect(await call(workspace, { csv: "odd.csv" })).toMatchObject({
      status_line: "2 rows, no problem, 1 warning",
      warnings: [
        'gate.label-word: good reads like PASS but counts as a defect in 1 row, e.g. {"label":"good","rows":1}',
      ],
    });
  });

  it("looks at nothing outside the workspace", async () => {
    const workspace = await folder();
    const other = await writeRows(join(await folder(), "t.csv"), [boardRow("C1")]);
    const refusal = await refusalOf(() => call(workspace, { csv: other }));
    expect(refusal.code).toBe("gate.path-outside-workspace");
  });
});
