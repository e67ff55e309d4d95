import { describe, expect, it } from "@jest/globals";
import type { ShellEnd } from "../../../../server/platforms/shell-job.ts";
import { partitionsIn } from "../../../../server/platforms/slurm/availability.ts";
import { exitOfEnd, exitWithoutEnd } from "../../../../server/platforms/slurm/exit.ts";
import { chosenOf, isFinal, jobsIn, stateText } from "../../../../server/platforms/slurm/queue.ts";

const job = (state: string, reason = "None", exit_code = "0:0") => ({ id: "41", state, reason, exit_code });

describe("what squeue prints", () => {
  it.each([
    ["41|RUNNING|0:0|None|", [{ id: "41", state: "RUNNING", exit_code: "0:0", reason: "None" }]],
    [
      "41|PENDING|0:0|ReqNodeNotAvail, UnavailableNodes:vm|\n42_1|FAILED|7:0|NonZeroExitCode|\n",
      [
        { id: "41", state: "PENDING", exit_code: "0:0", reason: "ReqNodeNotAvail, UnavailableNodes:vm" },
        { id: "42_1", state: "FAILED", exit_code: "7:0", reason: "NonZeroExitCode" },
      ],
    ],
    ["", []],
    ["slurm_load_jobs error: something\n", []],
  ])("%j is read", (text, expected) => {
    expect(jobsIn(text)).toEqual(expected);
  });

  it.each([
    [["12", "9", "101"], undefined, "9"],
    [["12", "9", "101"], "101", "101"],
    [["12", "9"], "7", "9"],
    [[], "7", undefined],
  ])("of the jobs %j with a claim of %s it is %s that counts", (ids, claimedBy, expected) => {
    const jobs = ids.map((id) => ({ ...job("PENDING"), id }));
    expect(chosenOf(jobs, claimedBy)?.id).toBe(expected);
  });

  it.each([
    ["PENDING", "Resources", "PENDING, Resources"],
    ["PENDING", "Priority", "PENDING, Priority"],
    [
      "PENDING",
      "PartitionDown",
      "PENDING, PartitionDown: the partition takes no jobs now: an administrator has to open it",
    ],
    [
      "PENDING",
      "PartitionTimeLimit",
      "PENDING, PartitionTimeLimit: its time is beyond the partition's limit: set `time` lower",
    ],
    ["PENDING", "QOSMaxGRESPerUser", "PENDING, QOSMaxGRESPerUser: a limit of the account or qos is reached"],
    ["PENDING", "AssocGrpGRES", "PENDING, AssocGrpGRES: a limit of the account or qos is reached"],
    ["PENDING", "JobHeldUser", "PENDING, JobHeldUser: somebody holds it: `scontrol release` lets it go"],
    ["RUNNING", "None", "RUNNING"],
  ])("%s for %s is told as %s", (state, reason, expected) => {
    expect(stateText(job(state, reason))).toBe(expected);
  });

  it("knows the states that a job does not leave", () => {
    const states = ["PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "STOPPED"];
    expect(states.filter((state) => isFinal(job(state)))).toEqual([]);
    expect(["COMPLETED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED"].every((state) => isFinal(job(state)))).toBe(
      true,
    );
  });
});

describe("what sinfo prints", () => {
  it("is read by partition and state of its nodes", () => {
    const text = "main*|up|infinite|3|gpu:2|idle\nmain*|up|infinite|1|gpu:2|down*\nclosed|down|1:00|0|(null)|n/a\n";
    expect(partitionsIn(text)).toEqual([
      { name: "main", isDefault: true, up: true, limit: "infinite", nodes: 3, gres: "gpu:2", state: "idle" },
      { name: "main", isDefault: true, up: true, limit: "infinite", nodes: 1, gres: "gpu:2", state: "down*" },
      { name: "closed", isDefault: false, up: false, limit: "1:00", nodes: 0, gres: "(null)", state: "n/a" },
    ]);
  });
});

const end = (over: Partial<ShellEnd>): ShellEnd => ({
  outcome: "exited",
  exit_code: 0,
  signal: undefined,
  detail: undefined,
  asked: undefined,
  who: "41",
  host: "node1",
  ...over,
});

describe("how a job ended that wrote so itself", () => {
  const killed = { outcome: "killed", exit_code: 143, signal: "SIGTERM", asked: "TERM" } as const;
  it.each([
    ["well, whatever SLURM says", {}, "CANCELLED", false, { outcome: "exited", exit_code: 0 }],
    ["well, though it was asked to end", { asked: "TERM" }, "TIMEOUT", true, { outcome: "exited", exit_code: 0 }],
    ["with a code of its own", { exit_code: 7 }, "FAILED", false, { outcome: "exited", exit_code: 7 }],
    [
      "with a code of its own while a cancel came late",
      { exit_code: 7 },
      "FAILED",
      true,
      { outcome: "exited", exit_code: 7 },
    ],
    ["at its own limit", { outcome: "timeout", exit_code: 143 }, undefined, false, { outcome: "timeout" }],
    ["at SLURM's limit", killed, "TIMEOUT", false, { outcome: "timeout", exit_code: 143 }],
    [
      "at SLURM's limit with a code of its own",
      { exit_code: 99, asked: "TERM" },
      "TIMEOUT",
      false,
      { outcome: "timeout", exit_code: 99 },
    ],
    ["by our cancel", killed, "CANCELLED", true, { outcome: "cancelled" }],
    [
      "by a stranger's cancel",
      killed,
      "CANCELLED",
      false,
      { outcome: "killed", detail: "cancelled in SLURM, not by this server" },
    ],
    ["by preemption", killed, "PREEMPTED", false, { outcome: "killed", detail: "SLURM preempted it for another job" }],
    [
      "for memory",
      { outcome: "killed", exit_code: 137, signal: "SIGKILL" },
      "OUT_OF_MEMORY",
      false,
      { outcome: "oom", exit_code: 137 },
    ],
    [
      "by a signal of its own",
      { outcome: "killed", exit_code: 139, signal: "SIGSEGV" },
      "FAILED",
      false,
      { outcome: "killed", signal: "SIGSEGV" },
    ],
    [
      "asked by somebody whom SLURM has forgotten",
      killed,
      undefined,
      false,
      { outcome: "killed", detail: "SLURM asked it to end (SIGTERM)" },
    ],
  ] as const)("%s", (_name, said, state, cancelled, expected) => {
    const seen = { job: state === undefined ? undefined : job(state), cancelled };
    expect(exitOfEnd(end(said), seen)).toMatchObject(expected);
  });
});

describe("how a job ended that wrote nothing", () => {
  it.each([
    ["COMPLETED", "None", "0:0", false, { outcome: "lost" }],
    ["CANCELLED", "None", "0:0", true, { outcome: "cancelled" }],
    ["CANCELLED", "JobHeldUser", "0:0", false, { outcome: "killed", detail: "cancelled in SLURM, not by this server" }],
    ["TIMEOUT", "TimeLimit", "0:15", false, { outcome: "timeout" }],
    ["DEADLINE", "DeadLine", "0:15", false, { outcome: "timeout" }],
    ["OUT_OF_MEMORY", "OutOfMemory", "0:125", false, { outcome: "oom" }],
    ["NODE_FAIL", "NodeDown", "0:0", false, { outcome: "lost", detail: "its node was lost" }],
    ["BOOT_FAIL", "BootFail", "0:0", false, { outcome: "lost" }],
    ["PREEMPTED", "None", "0:15", false, { outcome: "killed" }],
    ["FAILED", "NonZeroExitCode", "7:0", false, { outcome: "exited", exit_code: 7 }],
    ["FAILED", "JobLaunchFailure", "0:53", false, { outcome: "lost" }],
    ["FAILED", "None", "0:9", false, { outcome: "killed", signal: "SIGKILL" }],
    ["FAILED", "NonZeroExitCode", "74:0", false, { outcome: "lost" }],
  ] as const)("%s (%s, %s)", (state, reason, code, cancelled, expected) => {
    expect(exitWithoutEnd({ job: job(state, reason, code), cancelled })).toMatchObject(expected);
  });

  it("and that SLURM has forgotten is lost, or cancelled where we asked for it", () => {
    expect(exitWithoutEnd({ job: undefined, cancelled: false }).outcome).toBe("lost");
    expect(exitWithoutEnd({ job: undefined, cancelled: true }).outcome).toBe("cancelled");
  });
});
