import type { RefusalCode } from "../../errors.ts";

/** A failure that the published programs are known for: what the log says, and what is behind it. */
type KnownFailure = { readonly code: RefusalCode; readonly symptom: RegExp; readonly cause: string };

/**
 * Symptoms of the containers' logs in the order in which they are looked for: a symptom that explains another one
 * stands before it. The remedy of each is that of its code (tao-stages 2.1 to 2.8, Failure modes).
 */
export const knownFailures: readonly KnownFailure[] = [
  {
    code: "job.user-unknown",
    symptom: /getpwuid\(\): uid not found/,
    cause: "the image has no passwd entry for the user id of the job",
  },
  {
    code: "job.gpu-missing",
    symptom:
      /Found no NVIDIA driver|nvidia-smi: (?:command )?not found|No such file or directory: 'nvidia-smi'|CUDA driver version is insufficient|No CUDA GPUs are available/,
    cause: "no usable NVIDIA driver reaches the container",
  },
  {
    code: "job.gpu-fault",
    symptom: /no kernel image is available|unspecified launch failure|uncorrectable ECC error|NVRM: Xid|\bXid \(PCI/,
    cause: "the image's CUDA build does not know this GPU, or the GPU reports a fault",
  },
  {
    code: "job.gpu-memory",
    symptom:
      /CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED/,
    cause: "the batch does not fit the GPU's memory",
  },
  {
    code: "job.shared-memory",
    symptom: /Unexpected bus error encountered in worker|DataLoader worker .*exited unexpectedly|\bBus error\b/,
    cause: "/dev/shm of the container is too small for the data loader",
  },
  {
    code: "job.disk-full",
    symptom: /[Nn]o space left on device|Disk quota exceeded/,
    cause: "the file system that the job writes to is full",
  },
  {
    code: "job.port-in-use",
    symptom: /[Aa]ddress already in use|EADDRINUSE/,
    cause: "another process holds the port of the launcher (MASTER_PORT, 12341 by default)",
  },
  {
    code: "job.communication",
    symptom:
      /NCCL (?:error|WARN .*[Ee]rror)|ncclSystemError|ncclUnhandledCudaError|gloo.*(?:timed out|unable to resolve)/,
    cause: "the GPUs of the job cannot talk to each other",
  },
  {
    code: "job.gated-model",
    symptom:
      /GatedRepoError|401 Client Error|403 Client Error|HF_TOKEN (?:is )?(?:unset|not set)|Access to model .* is restricted/,
    cause: "a gated model was asked for without a token that may read it",
  },
  {
    code: "job.model-not-staged",
    symptom:
      /LocalEntryNotFoundError|OfflineModeIsEnabled|couldn't connect to 'https:\/\/huggingface\.co'|cannot find the requested files in the (?:disk|local) cache/,
    cause: "a model is not on disk and the job may not fetch it",
  },
  {
    code: "job.spec-not-found",
    symptom:
      /The indicated experiment spec file .* doesn't exist|Experiment spec file was not found at|Primary config directory not found|requires the following argument: -e/,
    cause: "the program did not find its experiment spec",
  },
  {
    code: "job.spec-key",
    symptom:
      /Error merging '.*' with schema|not in 'ExperimentConfig'|Could not override|MissingMandatoryValue|Missing mandatory value|You need to set at least one of following fields/,
    cause: "the spec holds a key that the image's schema does not know, or lacks one that it needs",
  },
  {
    code: "job.unknown-argument",
    symptom: /\bunknown arg\b|unrecognized arguments|action not found/,
    cause: "the program of this image does not take an argument that the stage passes",
  },
  {
    code: "job.resumed",
    symptom: /MisconfigurationException: .*current_epoch=|Resuming training from checkpoint/,
    cause: "training continued an older run that it found in its directory",
  },
  {
    code: "job.intervals",
    symptom: /(?:Checkpoint|Validation) interval \d+ > Number of epochs|infrequent_logging_frequency .*must be/,
    cause: "an interval of the spec is longer than the training",
  },
  {
    code: "job.backbone",
    symptom:
      /No such file or directory: 'https?:|You shouldn't freeze a model without specifying pretrained_backbone_path|stage_backbone:/,
    cause: "the backbone is not a staged local file",
  },
  {
    code: "job.backbone-keys",
    symptom: /KeyError: '(?:patch_generator\.|patch_embed\.|pos_embed|cls_token)/,
    cause: "the backbone file has the keys of another architecture or export",
  },
  {
    code: "job.loss-pairing",
    symptom: /Contrastive loss only supports Euclidean|CE \(Cross Entropy\) loss only supports learnable/,
    cause: "loss and difference_module do not belong together",
  },
  {
    code: "job.batch-size",
    symptom: /Training batch size must be greater than 1|is smaller than the total batch size/,
    cause: "a CSV has fewer rows than one batch, or the batch is a single row",
  },
  {
    code: "job.no-pass-rows",
    symptom: /invalid multinomial distribution|Please call iter\(combined_loader\) first/,
    cause: "no training row is labelled PASS",
  },
  { code: "job.no-defect-rows", symptom: /ZeroDivisionError/, cause: "no training row is defective" },
  {
    code: "job.image-file",
    symptom: /Image file wasn't found at|cannot identify image file|UnidentifiedImageError|image file is truncated/,
    cause: "an image of a row is missing or unreadable",
  },
  {
    code: "job.numeric-path",
    symptom: /join\(\) argument must be str|expected str, bytes or os\.PathLike object, not (?:int|float)/,
    cause: "a path column holds only numbers and was read as numbers",
  },
  {
    code: "job.lighting",
    symptom: /only supports? square input image|multiple of 32 for ViT-Adapter/,
    cause: "the combined lightings give an input of the wrong shape",
  },
  {
    code: "job.checkpoint",
    symptom: /radio\.radio\.radio|patch_generator\.pos_embed|Error\(s\) in loading state_dict|size mismatch for /,
    cause: "the checkpoint has another architecture or comes from another release",
  },
  {
    code: "job.metric-missing",
    symptom: /could not find the monitored key|ModelCheckpoint\(monitor=/,
    cause: "the spec monitors a metric that this image does not log",
  },
  {
    code: "metric.unreachable",
    symptom: /No threshold achieves 100% recall on the NO_PASS class/,
    cause: "no threshold reaches the recall",
  },
  {
    code: "job.inference-missing",
    symptom: /No inference csv file was found at|Expected inference CSV at|Inference CSV at .* contains no rows/,
    cause: "the inference CSV is absent or empty",
  },
  {
    code: "job.encoder",
    symptom: /model_config_path is required when model_path|Embedding model .* is not valid/,
    cause: "the encoder named in the embedding spec cannot be used",
  },
  {
    code: "job.pool-too-small",
    symptom:
      /cannot reshape array of size 0|n_neighbors must be less than|k must be less than or equal to the number of/,
    cause: "the pool has fewer rows than neighbours are asked for",
  },
  {
    code: "job.mask-not-binary",
    symptom: /ValueError:.*mask.*(?:binary|0\/255)|mask(?: values)? must be (?:binary|0 and 255)/i,
    cause: "an anomaly mask holds other values than 0 and 255",
  },
  {
    code: "job.defect-unsupported",
    symptom: /unsupported (?:anomaly )?types?|not supported by (?:the )?checkpoint/i,
    cause: "defect_spec.jsonl lists a type that the generator checkpoint cannot make",
  },
  {
    code: "job.generator-checkpoint",
    symptom:
      /FileNotFoundError:.*(?:checkpoints\/model\/iter_|ag_config\.yaml|latest_checkpoint\.txt)|No such file or directory: '.*iter_\d+\.pt'/,
    cause: "the generator checkpoint of that step is not staged",
  },
  {
    code: "job.no-roi",
    symptom: /error: 0 entries written|no ROI candidates, skipping|NO_DETECTION/,
    cause: "no place for the defect was found on the clean images",
  },
  {
    code: "job.permission",
    symptom: /PermissionError|[Pp]ermission denied|[Rr]ead-only file system/,
    cause: "the user of the job may not write where it has to",
  },
  {
    code: "job.program-missing",
    symptom: /(?:^|: )[\w./-]+: (?:command )?not found|cannot execute: required file not found/,
    cause: "the image lacks the program",
  },
  {
    code: "job.interrupted",
    symptom: /User\/System interruption/,
    cause: "the program was interrupted and still reported PASS",
  },
];

export type Recognised = { readonly code: RefusalCode; readonly cause: string; readonly line: string };

/** The known failure behind the end of a log, with the line that tells; undefined when none is recognised. */
export function recogniseFailure(lines: readonly string[]): Recognised | undefined {
  for (const { code, symptom, cause } of knownFailures) {
    const line = lines.findLast((one) => symptom.test(one));
    if (line !== undefined) return { code, cause, line };
  }
  return undefined;
}

/** Lines that tell nobody why a job failed: banners, telemetry, progress bars, the verdict itself. */
const chatter = [
  /^\s*[=*_#-]{4,}\s*$/,
  /telemetry/i,
  /Execution status:/,
  /\d+%\|/,
  /^\s*(?:NVIDIA Release|Copyright|Container image|This container image|By pulling and using|https?:\/\/\S+$|== )/,
  /Various files include modifications|NOTE: (?:CUDA|The SHMEM|Mellanox)/,
];

/** The last `count` lines that say something about the failure; of a log without any, its last lines. */
export function lastMeaningful(lines: readonly string[], count: number): string[] {
  const telling = lines.filter((line) => !chatter.some((pattern) => pattern.test(line)));
  return (telling.length > 0 ? telling : lines).slice(-count);
}
