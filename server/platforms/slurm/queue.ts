import { excerpt, Refusal } from "../../errors.ts";
import type { Slurm } from "./cli.ts";

/** A job as the controller shows it. */
export type SlurmJob = {
  readonly id: string;
  readonly state: string;
  /** Why it waits, or why it ended. */
  readonly reason: string;
  /** `CODE:SIGNAL` of the batch script; of a job that runs it says nothing. */
  readonly exit_code: string;
};

/** States that a job does not leave. */
const finalStates = new Set([
  ...["BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"],
  ...["REVOKED", "TIMEOUT"],
]);

export function isFinal({ state }: SlurmJob): boolean {
  return finalStates.has(state);
}

const format = ["JobID", "State", "exit_code", "Reason"].map((field) => `${field}:|`).join(",");

/** Jobs that the controller knows, ended ones too. */
export type Wanted = { readonly name: string } | { readonly id: string };

/**
 * The jobs of one name or id. Names are not unique; an ended job is forgotten after a while, and then there is none.
 *
 * @throws Refusal `executor.unavailable` when no answer came.
 */
export async function queued(slurm: Slurm, wanted: Wanted): Promise<SlurmJob[]> {
  const which = "name" in wanted ? [`--name=${wanted.name}`] : [`--jobs=${wanted.id}`];
  const answer = await slurm.run("squeue", ["--noheader", "--states=all", ...which, `--Format=${format}`]);
  if (answer.code === 0) return jobsIn(answer.stdout);
  if (/invalid job id/i.test(answer.stderr)) return [];
  const facts = { cause: "squeue-failed", said: excerpt(answer.stderr.trim(), 300) };
  throw new Refusal("executor.unavailable", "SLURM does not say how the job stands.", facts);
}

/** Lines of `squeue` in the format above. A line that is none is passed over. */
export function jobsIn(text: string): SlurmJob[] {
  return text.split("\n").flatMap((line) => {
    const [id = "", state = "", exit_code = "", reason = ""] = line.split("|").map((part) => part.trim());
    return /^\d+/.test(id) ? [{ id, state, exit_code, reason }] : [];
  });
}

/** Of a submit that was sent twice: the one that works, else the first. The others have not begun and never will. */
export function chosenOf(jobs: readonly SlurmJob[], claimedBy: string | undefined): SlurmJob | undefined {
  const first = jobs.toSorted((a, b) => Number.parseInt(a.id, 10) - Number.parseInt(b.id, 10))[0];
  return jobs.find(({ id }) => id === claimedBy) ?? first;
}

/** Ends jobs; one that has ended is left as it is. `pending` ends only what has not begun. */
export async function cancelJobs(slurm: Slurm, ids: readonly string[], how: "pending" | "all"): Promise<void> {
  if (ids.length === 0) return;
  await slurm.run("scancel", [...(how === "pending" ? ["--state=PENDING"] : []), ...ids]);
}

/** Reasons for which a job waits until somebody does something. */
const hopeless: readonly (readonly [RegExp, string])[] = [
  [/^PartitionDown|^PartitionInactive/, "the partition takes no jobs now: an administrator has to open it"],
  [/^PartitionTimeLimit/, "its time is beyond the partition's limit: set `time` lower"],
  [/^PartitionNodeLimit|^BadConstraints/, "no node of the partition is like it: change `gres`, `cpus` or `memory`"],
  [/^(?:ReqNodeNotAvail|NodeDown)/, "nodes that could run it are down, drained or reserved"],
  [/^JobHeld/, "somebody holds it: `scontrol release` lets it go"],
  [
    /^(?:Assoc|QOS)\w*(?:Limit|GRES|Jobs|Cpu|Node|Mem|GrpTRES|Minutes|TRES)|^MaxGRES/i,
    "a limit of the account or qos is reached",
  ],
  [/^Invalid(?:Account|QOS)/, "the account or qos does not hold any more"],
  [/^Licenses/, "it waits for a license"],
];

/** How a job waits or runs, in words. */
export function stateText({ state, reason }: SlurmJob): string {
  if (state !== "PENDING") return state;
  const cause = hopeless.find(([pattern]) => pattern.test(reason))?.[1];
  return `PENDING, ${reason}${cause === undefined ? "" : `: ${cause}`}`;
}
