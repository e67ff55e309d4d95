import { excerpt } from "../errors.ts";
import type { WorkflowAnswer } from "../exec/osmo/shapes.ts";
import { failedStatuses, isFailed } from "../exec/osmo/statuses.ts";
import { defined } from "../run/defined.ts";

export type Failure = {
  readonly task: string;
  /** Stable word for the cause, e.g. `pod-template`, `out-of-memory`, `no-crops`. */
  readonly kind: string;
  readonly cause: string;
  readonly remedy: string;
  /** The log line that told, when one did. */
  readonly evidence?: string;
};

type Sign = { readonly kind: string; readonly sign: RegExp; readonly cause: string; readonly remedy: string };

const sign = (kind: string, pattern: RegExp, cause: string, remedy: string): Sign => ({
  kind,
  sign: pattern,
  cause,
  remedy,
});
const setupAgain = (flow: string) => `Submit ${flow}, wait for COMPLETED, then submit again.`;

/** Messages of the pods with what they mean; the first that matches counts. */
const signs: readonly Sign[] = [
  sign(
    "pod-template",
    /nvoptix\.bin not mounted/,
    "the pod template mounts no OptiX data",
    "An administrator adds the nvoptix hostPath volume and mount.",
  ),
  sign(
    "pod-template",
    /\/dev\/shm is \d+ ?GiB/,
    "the pod template gives too little shared memory",
    "An administrator sets the dshm volume to 32Gi.",
  ),
  sign(
    "pretrained-missing",
    /pretrained tree not at|pretrained\/ not found/,
    "the pretrained tree is not in the storage",
    setupAgain("setup_pretrained"),
  ),
  sign(
    "raw-data",
    /defect_spec\.jsonl missing in raw dataset|training dataset not at/,
    "the raw dataset is incomplete",
    setupAgain("the setup flow of the use case"),
  ),
  sign(
    "raw-data",
    /no training masks|empty validation\.jsonl|no submask files/,
    "the dataset has no defect masks",
    "Put masks under <material>/mask/<defect>/.",
  ),
  sign(
    "taxonomy",
    /submask dir not found for (\S+)/,
    "anomaly_types_json names a pair that the data lacks",
    "Align anomaly_types_json with the data's directories.",
  ),
  sign(
    "taxonomy",
    /\S+\+\S+ not supported/,
    "the checkpoint does not know a pair",
    "Use the shipped pairs, or finetune for others.",
  ),
  sign(
    "checkpoint",
    /ag_config\.yaml not found in checkpoint|no model iter_\*\.pt files/,
    "the checkpoint is incomplete",
    "Put ag_config.yaml and iter_*.pt below models/<usecase>, or set it up again.",
  ),
  sign(
    "scene",
    /scene_filename=\S+ not found/,
    "the assets lack the scene",
    "Set scene_filename, or set up the assets again.",
  ),
  sign(
    "photo",
    /real_image_filename=\S+ not found/,
    "the assets lack the board's photo",
    "Upload the photo and name it together with the board.",
  ),
  sign(
    "registration",
    /usd2roi_register\.py exited/,
    "the photo did not register against the scene",
    "Widen the registration ranges or lower min_mi in the board's cookbook; check the camera.",
  ),
  sign(
    "no-crops",
    /0 ROI (pairs|crops) emitted|no ROI crops staged|no clean images staged/,
    "no component was cropped",
    "Check crop.classes against the semantics of the board's cookbook.",
  ),
  sign(
    "no-crops",
    /no per-mode rgb crops|produced no frames/,
    "the rendered cells held no component",
    "Use render_patches of at least 2, better 3.",
  ),
  sign(
    "cookbook",
    /Config boundary violation/,
    "a key stands in both render and target cookbook",
    "Keep the key in one of them.",
  ),
  sign(
    "cookbook",
    /KeyError: 'component_types'/,
    "the cookbook lists no component types",
    "Add an explicit component_types list.",
  ),
  sign(
    "cookbook",
    /save_iter=\d+ > max_iter/,
    "the cookbook saves no checkpoint",
    "Set save_iter to max_iter or less.",
  ),
  sign("defect-modes", /unknown defect_modes/, "a defect mode is unknown", "Use shift, tombstone and sideflip."),
  sign(
    "endpoint",
    /0 image-edit images emitted|Connection refused.*v1|503 Service/,
    "the image-edit endpoint gave nothing",
    "Check that the endpoint is Ready and serves the exact model.",
  ),
  sign(
    "glass-zip",
    /uc3_input\.zip not present/,
    "the Roboflow zip was not found",
    "Upload mobile_screen.zip directly below uc3_zip_url_root.",
  ),
  sign(
    "download",
    /0 files in|GatedRepoError|401 Client Error|403 Client Error/,
    "a gated download was refused",
    "Accept the model's licence and check the token's scope.",
  ),
  sign(
    "yq-egress",
    /yq_linux_amd64|Could not resolve host: github\.com/,
    "the pod cannot reach GitHub for yq",
    "Allow egress to github.com from the pool.",
  ),
];

/** Log lines that mean that the pod template is wrong although it was remembered as verified. */
export function blamesPodTemplate(failure: Failure): boolean {
  return failure.kind === "pod-template";
}

type Task = WorkflowAnswer["groups"][number]["tasks"][number];

/** Every task of an answer. */
export function tasksOf(workflow: WorkflowAnswer): readonly Task[] {
  return workflow.groups.flatMap((group) => group.tasks);
}

/** The task that failed by itself; those behind it are FAILED_UPSTREAM. */
export function firstFailed(workflow: WorkflowAnswer): Task | undefined {
  const failed = tasksOf(workflow).filter(({ status }) => isFailed(status));
  return failed.find(({ status }) => status !== "FAILED_UPSTREAM") ?? failed[0];
}

/** Names the failure of a workflow from its statuses, exit code and the failed task's log. */
export function classifyFailure(workflow: WorkflowAnswer, log: string): Failure | undefined {
  const task = firstFailed(workflow);
  const status = task?.status ?? workflow.status;
  if (!isFailed(status)) return undefined;
  const name = task?.name ?? "workflow";
  for (const { kind, sign: pattern, cause, remedy } of signs) {
    const line = log.split("\n").find((each) => pattern.test(each));
    if (line !== undefined) return { task: name, kind, cause, remedy, evidence: excerpt(line.trim(), 200) };
  }
  const evicted = failedStatuses.FAILED_EVICTED;
  if (task?.exit_code === 137 && evicted) return { task: name, kind: "out-of-memory", ...evicted };
  const meaning = failedStatuses[status] ?? { cause: `status ${status}`, remedy: "Read the events of the workflow." };
  const evidence = task?.failure_message ?? lastError(log);
  const kind = status.toLowerCase().replaceAll("_", "-");
  return { task: name, kind, ...meaning, ...defined({ evidence: evidence ? excerpt(evidence, 200) : undefined }) };
}

function lastError(log: string): string | undefined {
  const errors = log.split("\n").filter((line) => /error|traceback|exception/i.test(line));
  return errors.at(-1)?.trim();
}
