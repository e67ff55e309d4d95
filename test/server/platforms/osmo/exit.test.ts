import { describe, expect, it } from "@jest/globals";
import { queryAnswer } from "../../../../server/exec/osmo/shapes.ts";
import { failedStatuses } from "../../../../server/exec/osmo/statuses.ts";
import { exitOfWorkflow } from "../../../../server/platforms/osmo/exit.ts";

function exitOf(status: string, exit_code: number | null = null) {
  const tasks = [{ name: "job", status, exit_code, failure_message: "hf_abcdefgh said no" }];
  return exitOfWorkflow(queryAnswer.parse({ name: "deft-1", status, groups: [{ name: "deft", status, tasks }] }));
}

describe("the exit of a job by its workflow's end", () => {
  const ends: [string, number | null, string, number | undefined][] = [
    ["COMPLETED", 0, "exited", 0],
    ["FAILED", 3, "exited", 3],
    ["FAILED", null, "exited", 1],
    ["FAILED", 137, "oom", 137],
    ["FAILED_EVICTED", 3004, "oom", 3004],
    ["FAILED_EVICTED", null, "oom", undefined],
    ["FAILED_CANCELED", null, "cancelled", undefined],
    ["FAILED_EXEC_TIMEOUT", null, "timeout", undefined],
    ["FAILED_QUEUE_TIMEOUT", null, "timeout", undefined],
    ["FAILED_PREEMPTED", 3006, "killed", 3006],
    ["FAILED_BACKEND_ERROR", 3001, "killed", 3001],
    ["FAILED_IMAGE_PULL", null, "lost", undefined],
    ["FAILED_START_ERROR", 3003, "lost", 3003],
    ["FAILED_START_TIMEOUT", null, "lost", undefined],
    ["FAILED_SERVER_ERROR", null, "lost", undefined],
    ["FAILED_SUBMISSION", null, "lost", undefined],
    ["FAILED_SOMETHING_NEW", null, "lost", undefined],
  ];
  it.each(ends)("%s with code %s is %s", (status, code, outcome, exit_code) => {
    const exit = exitOf(status, code);
    expect([exit.outcome, exit.exit_code]).toEqual([outcome, exit_code]);
    if (status !== "COMPLETED") expect(exit.detail).toContain(`ended as ${status}`);
  });

  it("never is an exit with 0 unless the workflow completed", () => {
    for (const status of [...Object.keys(failedStatuses), "FAILED_SOMETHING_NEW"]) {
      const exit = exitOf(status, 0);
      expect({ status, passed: exit.outcome === "exited" && exit.exit_code === 0 }).toEqual({ status, passed: false });
    }
  });

  it("says what OSMO said, without secrets", () => {
    expect(exitOf("FAILED", 2).detail).toContain("[redacted] said no");
  });
});
