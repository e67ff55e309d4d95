/** Task statuses before its container runs: it has no log yet. */
const beforeStart = ["SUBMITTING", "WAITING", "PROCESSING", "SCHEDULING", "INITIALIZING"];

/** Whether a workflow has ended. There is no SUCCEEDED and no CANCELED; a status that is not known is no end. */
export function isTerminal(workflowStatus: string): boolean {
  return workflowStatus === "COMPLETED" || isFailed(workflowStatus);
}

export function isFailed(status: string): boolean {
  return status.startsWith("FAILED");
}

export function hasStarted(taskStatus: string): boolean {
  return !beforeStart.includes(taskStatus) && taskStatus !== "FAILED_UPSTREAM";
}

/** What exit codes of a task above 255 mean: the sidecar that moves its data and starts its command ended it. */
export const sidecarCodes: Readonly<Record<number, string>> = {
  1001: "the node failed OSMO's check before the start",
  2002: "the container runtime failed",
  2010: "its inputs could not be downloaded",
  2011: "its inputs could not be mounted",
  2012: "its outputs could not be uploaded",
  2013: "the storage refused the credentials of the pod",
  2014: "the storage forbids what the pod reads or writes",
  3000: "a task before it failed",
  3001: "a fault of the cluster",
  3002: "a fault of the OSMO service",
  3003: "the container could not start",
  3004: "the pod was evicted",
  3005: "the pod stayed initializing",
  3006: "a higher priority took the node",
};

type Meaning = { readonly cause: string; readonly remedy: string };

/** What each failed status means and what helps; FAILED itself needs the task's log. */
export const failedStatuses: Readonly<Record<string, Meaning>> = {
  FAILED: { cause: "a task ended with an error", remedy: "Read the task's log." },
  FAILED_SUBMISSION: {
    cause: "the service rejected the spec",
    remedy: "Correct what its message names and submit again.",
  },
  FAILED_CANCELED: { cause: "a user cancelled it", remedy: "Submit again if that was not meant." },
  FAILED_SERVER_ERROR: {
    cause: "a fault of the OSMO service",
    remedy: "Submit again; tell the administrator if it repeats.",
  },
  FAILED_BACKEND_ERROR: {
    cause: "a fault of a node or the cluster",
    remedy: "Submit again; tell the administrator if it repeats.",
  },
  FAILED_EXEC_TIMEOUT: { cause: "a group ran longer than exec_timeout", remedy: "Raise exec_timeout or ask for less." },
  FAILED_QUEUE_TIMEOUT: {
    cause: "a group waited longer than queue_timeout for a place",
    remedy: "Use a pool with free GPUs, ask for fewer, or raise queue_timeout.",
  },
  FAILED_IMAGE_PULL: {
    cause: "an image could not be pulled: authentication or a rate limit",
    remedy: "Check the image knob; a private registry needs a REGISTRY credential.",
  },
  FAILED_UPSTREAM: { cause: "a task before it failed", remedy: "Look at the task that failed first." },
  FAILED_EVICTED: {
    cause: "the pod was evicted or ran out of memory",
    remedy: "Give gpu, cpu and memory together: memory does not grow with the GPU count by itself.",
  },
  FAILED_START_ERROR: { cause: "the container could not start", remedy: "Read the events of the workflow." },
  FAILED_START_TIMEOUT: {
    cause: "the pod stayed initializing",
    remedy: "Read the events: a template that mounts nvoptix.bin waits on nodes without that file.",
  },
  FAILED_PREEMPTED: { cause: "a higher priority took the node", remedy: "Submit again, or in a quieter pool." },
};
