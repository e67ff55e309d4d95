import { expect, it } from "@jest/globals";
import { run as errors } from "../../../server/cli/errors.ts";
import { runCommand } from "../../support/command.ts";
import { finishedRun } from "../../support/finished-run.ts";

it("errors says what there is where nothing is as it was asked for, and the interface of Label Studio's tasks", async () => {
  const run = await finishedRun({ far_pct: [50, 20], pass_rows: 20, distinct_images: 20, defects: { missing: 4 } });
  try {
    const none = await runCommand(errors, [run.runDir, "--label", "mising"], run.workspace);
    expect(none.stdout).toContain("None of the 4 misjudged parts is so");
    expect(none.stdout).toMatch(/judged {2}false alarm\n {2}label {3}PASS\n/);
    const some = await runCommand(errors, [run.runDir, "--label", "pass"], run.workspace);
    expect(some.stdout).not.toContain("None of");
    const exported = ["--export", "labelstudio", "--output", "tasks.json"];
    const { stdout } = await runCommand(errors, [run.runDir, ...exported], run.workspace);
    expect(stdout).toMatch(/^4 parts: tasks\.json\nLabeling interface: <View>/);
  } finally {
    await run.remove();
  }
});
