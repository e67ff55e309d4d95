import { beforeEach, describe, expect, it } from "@jest/globals";
import { chanceRemark } from "../../../../server/stages/shared/gain.ts";
import { temporaryFolders } from "../../../support/folder.ts";
import { type StageWorkspace, stageWorkspace } from "../../../support/stage-workspace.ts";

const folder = temporaryFolders();
let home: StageWorkspace;

beforeEach(async () => {
  home = await stageWorkspace(await folder());
});

const remark = (before: number, now: number, passRows: number) =>
  chanceRemark(
    home.context("iter2", { iter1: { far_pct: before }, iter2: { ledger: { new_unique_rows: 23 } } }),
    now,
    passRows,
  );

describe("what an iteration's rows bought", () => {
  it("is said to be chance when FAR moved by less than its interval, with rows and bounds", () => {
    expect(remark(7, 6.5, 400)).toBe(
      "iter2 added 23 rows and changed FAR by less than its interval: 7.00% before, 6.50% now, 4.29-9.38% at 95% confidence. Another iteration like it may not be worth its time.",
    );
  });

  it("counts when so many parts would hardly move by chance, in either direction", () => {
    expect(remark(7, 3, 400)).toBeUndefined();
    expect(remark(3, 7, 400)).toBeUndefined();
    expect(remark(7, 6.5, 40_000)).toBeUndefined();
  });

  it("is not asked of the baseline", () => {
    expect(chanceRemark(home.context("baseline", {}), 7, 400)).toBeUndefined();
  });
});
