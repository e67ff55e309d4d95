import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { kindOf } from "../../server/fs/read.ts";
import { runBuilt } from "../support/built-server.ts";
import { temporaryFolders } from "../support/folder.ts";
import { putMvtec } from "../support/public-layouts.ts";

const newFolder = temporaryFolders();

describe("a folder of images", () => {
  it("becomes a workspace on which a loop runs to its report", async () => {
    const home = await newFolder();
    const [source, boards] = [join(home, "transistor"), join(home, "boards")];
    await putMvtec(source);
    expect(runBuilt(["import", source, boards, "--write"], { home }).exit).toBe(0);
    expect(runBuilt(["doctor", "--workspace", boards], { home }).exit).toBe(0);
    const target = ["--max-iterations", "1", "--kpi", "FAR < 1% at recall=100%", "--json"];
    const demo = (env = {}) => runBuilt(["demo", "--workspace", boards, ...target], { home, env });
    // Boards that the demo did not draw are a human's, or the operator's, to approve.
    const { error } = JSON.parse(demo().stdout);
    expect(error.code).toBe("approval.no-human");
    const { exit, stdout } = demo({ DEFT_APPROVE_PLAN: error.facts.plan_id });
    expect(exit).toBe(0);
    const { report } = JSON.parse(stdout);
    expect(await kindOf(report)).toBe("file");
  });
});
