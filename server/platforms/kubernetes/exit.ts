import { defined } from "../../run/defined.ts";
import type { JobExit } from "../../run/job.ts";
import { redactedExcerpt } from "../../run/redact.ts";
import type { ShellEnd } from "../shell-job.ts";
import { holds, type KubeJob, type KubePod } from "./objects.ts";

/** What the cluster shows of a job, and what is known here. */
export type Seen = {
  /** The very Job that was made; undefined when the cluster has it no more. */
  readonly job: KubeJob | undefined;
  /** Its pods, the oldest first. */
  readonly pods: readonly KubePod[];
  /** What the job itself says of its end. */
  readonly own: ShellEnd | undefined;
  /** Whether somebody of ours wants it to end. */
  readonly cancelled: boolean;
  /** Events of a Job that has no pod, in words. */
  readonly events?: string | undefined;
};

export type Judgement =
  | { readonly state: "running"; readonly node?: string | undefined }
  /** Nothing of it runs yet; `stuck` when that will not change by waiting alone. */
  | { readonly state: "pending"; readonly words: string; readonly stuck?: "image" | "never" }
  /** `late` while the job's own word may still be on its way from another host. */
  | { readonly state: "ended"; readonly exit: JobExit; readonly late: boolean };

/**
 * How the job stands. Its own word counts above the cluster's, which says why somebody made it end; a pod that is gone
 * without a word of its own is `lost`.
 */
export function judge(seen: Seen): Judgement {
  const { job, pods, own, cancelled } = seen;
  if (own !== undefined && !(own.outcome === "killed" && !isOver(seen))) {
    return { state: "ended", exit: withCause(ownExit(own), seen), late: false };
  }
  const alive = pods.filter((pod) => !hasEnded(pod));
  if (alive.length > 0) return standing(alive[0] as KubePod);
  const [pod] = pods;
  if (job === undefined) return ended(goneExit(pod, cancelled), seen, pod);
  const failed = holds(job, "Failed") ?? holds(job, "FailureTarget");
  const complete = holds(job, "Complete") ?? holds(job, "SuccessCriteriaMet");
  if (failed === undefined && complete === undefined && pod === undefined) {
    return { state: "pending", words: `no pod yet${seen.events ? `: ${seen.events}` : ""}` };
  }
  return ended(pod === undefined ? podlessExit(failed) : podExit(pod), seen, pod);
}

/** A job that was killed names its signal at once; why it was killed the cluster may say a moment later. */
function isOver({ job, pods }: Seen): boolean {
  return job === undefined || pods.every((pod) => hasEnded(pod) || pod.metadata.deletionTimestamp !== undefined);
}

/** The job's own word as its exit. */
export function ownExit({ outcome, exit_code, signal, detail, started_at, ended_at }: ShellEnd): JobExit {
  return { outcome, ...defined({ exit_code, signal, detail, started_at, ended_at }) };
}

function ended(exit: JobExit, seen: Seen, pod: KubePod | undefined): Judgement {
  const ran = pod !== undefined && terminatedOf(pod) !== undefined;
  return { state: "ended", exit: withCause(exit, seen), late: ran };
}

function hasEnded(pod: KubePod): boolean {
  return ["Succeeded", "Failed"].includes(pod.status?.phase ?? "");
}

const terminatedOf = (pod: KubePod) => pod.status?.containerStatuses?.[0]?.state?.terminated;

/** Reasons for which a container waits that waiting alone rarely mends. */
const imageReasons = /^(?:ErrImagePull|ImagePullBackOff|RegistryUnavailable|SignatureValidationFailed)$/;
const neverReasons =
  /^(?:InvalidImageName|ErrImageNeverPull|ImageInspectError|CreateContainerError|CreateContainerConfigError|RunContainerError|CrashLoopBackOff)$/;

function standing(pod: KubePod): Judgement {
  const { status, spec } = pod;
  const state = status?.containerStatuses?.[0]?.state;
  if (status?.phase === "Running" || state?.running !== undefined) return { state: "running", node: spec?.nodeName };
  const waiting = state?.waiting;
  const reason = waiting?.reason ?? "";
  if (imageReasons.test(reason) || neverReasons.test(reason)) {
    const stuck = imageReasons.test(reason) ? ("image" as const) : ("never" as const);
    return { state: "pending", words: sentence(reason, waiting?.message), stuck };
  }
  const unplaced = status?.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "False");
  if (unplaced !== undefined) return { state: "pending", words: sentence(unplaced.reason, unplaced.message) };
  const where = spec?.nodeName === undefined ? "waits for a node" : `starts on ${spec.nodeName}`;
  return { state: "pending", words: sentence(reason || where, waiting?.message) };
}

/** The program's container says how it ended; without one the pod never came to run it. */
function podExit(pod: KubePod): JobExit {
  const end = terminatedOf(pod);
  const { reason, message } = pod.status ?? {};
  if (end === undefined) {
    return {
      outcome: "lost",
      detail: `pod ${pod.metadata.name} ended before its program began: ${sentence(reason, message)}`,
    };
  }
  const times = defined({ started_at: end.startedAt ?? undefined, ended_at: end.finishedAt ?? undefined });
  if (end.exitCode === 0) {
    const detail = `pod ${pod.metadata.name} ended with 0 and left no word of its own: its volume is not this workspace, or another pod had the job`;
    return { outcome: "lost", ...times, detail };
  }
  const signal = end.signal === 9 || end.exitCode === 137 ? "SIGKILL" : end.exitCode === 143 ? "SIGTERM" : undefined;
  const detail = sentence(end.reason, end.message ?? message);
  const outcome = signal === undefined ? "exited" : "killed";
  return {
    outcome,
    exit_code: end.exitCode,
    ...defined({ signal }),
    ...times,
    detail: `pod ${pod.metadata.name}: ${detail}`,
  };
}

function podlessExit(failed: ReturnType<typeof holds>): JobExit {
  return { outcome: "lost", detail: `its pod is gone: ${sentence(failed?.reason, failed?.message)}` };
}

function goneExit(pod: KubePod | undefined, cancelled: boolean): JobExit {
  if (cancelled) return { outcome: "cancelled" };
  const last =
    pod === undefined
      ? ""
      : `; its last pod: ${sentence(pod.status?.reason ?? pod.status?.phase, pod.status?.message)}`;
  return { outcome: "lost", detail: `somebody deleted the Job from the cluster${last}` };
}

/** Why a job that did not end by itself ended, in the cluster's words; what ended with 0 ended well. */
function withCause(exit: JobExit, { job, pods, cancelled }: Seen): JobExit {
  if (exit.outcome === "timeout" || (exit.outcome === "exited" && exit.exit_code === 0)) return exit;
  const [pod] = pods;
  const end = pod === undefined ? undefined : terminatedOf(pod);
  const as = (outcome: JobExit["outcome"], detail: string): JobExit => ({ ...exit, outcome, detail });
  if (end?.reason === "OOMKilled")
    return as("oom", sentence("OOMKilled", end.message ?? "the memory limit of the pod"));
  if (exit.outcome === "exited") return exit;
  if (cancelled) return { ...exit, outcome: "cancelled" };
  const failed = job === undefined ? undefined : (holds(job, "Failed") ?? holds(job, "FailureTarget"));
  if (pod?.status?.reason === "DeadlineExceeded")
    return as("timeout", sentence("DeadlineExceeded", pod.status.message));
  if (failed?.reason === "DeadlineExceeded") return as("timeout", sentence(failed.reason, failed.message));
  const disrupted = pod === undefined ? undefined : holds(pod, "DisruptionTarget");
  if (disrupted !== undefined) return as("killed", sentence(disrupted.reason, disrupted.message));
  if (exit.outcome === "killed" && pod?.status?.reason !== undefined)
    return as("killed", sentence(pod.status.reason, pod.status.message));
  // A Job that is deleted in the foreground stands there until its pods are gone.
  if (exit.outcome === "killed" && (job === undefined || job.metadata.deletionTimestamp !== undefined))
    return { ...exit, detail: "somebody deleted the Job from the cluster" };
  return exit;
}

/** `Reason: message` without secrets, as the cluster says it. */
function sentence(reason: string | undefined, message: string | undefined): string {
  return redactedExcerpt([reason, message].filter(Boolean).join(": ") || "the cluster says nothing", 300);
}
