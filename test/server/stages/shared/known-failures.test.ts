import { describe, expect, it } from "@jest/globals";
import { refusals } from "../../../../server/errors.ts";
import { knownFailures, lastMeaningful, recogniseFailure } from "../../../../server/stages/shared/known-failures.ts";

/** Lines as the published programs print them, and the code that a person is told. */
const table: readonly (readonly [string, string])[] = [
  ["KeyError: 'getpwuid(): uid not found: 1001'", "job.user-unknown"],
  ["RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU", "job.gpu-missing"],
  ["FileNotFoundError: [Errno 2] No such file or directory: 'nvidia-smi'", "job.gpu-missing"],
  ["CUDA error: no kernel image is available for execution on the device", "job.gpu-fault"],
  ["torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "job.gpu-memory"],
  [
    "ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).",
    "job.shared-memory",
  ],
  ["RuntimeError: DataLoader worker (pid(s) 812) exited unexpectedly", "job.shared-memory"],
  ["OSError: [Errno 28] No space left on device", "job.disk-full"],
  ["RuntimeError: The server socket has failed to listen: errno: 98 - Address already in use", "job.port-in-use"],
  ["torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:1970", "job.communication"],
  ["huggingface_hub.errors.GatedRepoError: 401 Client Error.", "job.gated-model"],
  ["HF_TOKEN unset", "job.gated-model"],
  ["OSError: We couldn't connect to 'https://huggingface.co' to load the files", "job.model-not-staged"],
  ["ERROR: The indicated experiment spec file `/w/a.yaml` doesn't exist!", "job.spec-not-found"],
  [
    "ValueError: The subtask `vcn_aoi` requires the following argument: -e/--experiment_spec_file",
    "job.spec-not-found",
  ],
  ["FileNotFoundError: Experiment spec file was not found at /w/a.yaml", "job.spec-not-found"],
  ["Primary config directory not found.", "job.spec-not-found"],
  ["Error merging 'a.yaml' with schema: Key 'workflow' not in 'ExperimentConfig'", "job.spec-key"],
  ["Could not override 'inference.output_dir'.", "job.spec-key"],
  ["omegaconf.errors.MissingMandatoryValue: Missing mandatory value: train_config", "job.spec-key"],
  ["unknown arg: --seeds", "job.unknown-argument"],
  ["gap_analysis: action not found", "job.unknown-argument"],
  ["MisconfigurationException: You restored a checkpoint with current_epoch=10, but max_epochs=5", "job.resumed"],
  ["AssertionError: Checkpoint interval 5 > Number of epochs 3", "job.intervals"],
  ["AssertionError: infrequent_logging_frequency 2 must be < num_epochs 1", "job.intervals"],
  ["FileNotFoundError: [Errno 2] No such file or directory: 'https://example.invalid/a.pth'", "job.backbone"],
  ["ValueError: You shouldn't freeze a model without specifying pretrained_backbone_path", "job.backbone"],
  ["AssertionError: CE (Cross Entropy) loss only supports learnable distance module", "job.loss-pairing"],
  ["AssertionError: Contrastive loss only supports Euclidean distance module", "job.loss-pairing"],
  ["AssertionError: Training batch size must be greater than 1.", "job.batch-size"],
  [
    "ValueError: Dataset size (3) is smaller than the total batch size (16). Not enough data for train.",
    "job.batch-size",
  ],
  ["RuntimeError: invalid multinomial distribution (sum of probabilities <= 0)", "job.no-pass-rows"],
  ["RuntimeError: Please call iter(combined_loader) first.", "job.no-pass-rows"],
  ["ZeroDivisionError: division by zero", "job.no-defect-rows"],
  ["FileNotFoundError: Image file wasn't found at /w/images/a/C1_SolderLight.jpg", "job.image-file"],
  ["PIL.UnidentifiedImageError: cannot identify image file '/w/a.jpg'", "job.image-file"],
  ["TypeError: join() argument must be str, bytes, or os.PathLike object, not 'int'", "job.numeric-path"],
  ["ValueError: ViT Backbones only support square input image where input_width == input_height", "job.lighting"],
  ["ValueError: Input image size must be a multiple of 32 for ViT-Adapter", "job.lighting"],
  ["KeyError: 'patch_generator.pos_embed'", "job.backbone-keys"],
  ["KeyError: 'model.backbone.radio.radio.radio.model.patch_generator.pos_embed'", "job.checkpoint"],
  ["ModelCheckpoint(monitor='val_far') could not find the monitored key in the returned metrics", "job.metric-missing"],
  ["ValueError: No threshold achieves 100% recall on the NO_PASS class.", "metric.unreachable"],
  ["Expected inference CSV at /w/inference.csv", "job.inference-missing"],
  ["ValueError: Inference CSV at /w/inference.csv contains no rows.", "job.inference-missing"],
  ["ValueError: model_config_path is required when model_path is a TAO checkpoint", "job.encoder"],
  ["ValueError: Embedding model Siglip is not valid", "job.encoder"],
  ["ValueError: cannot reshape array of size 0 into shape (0,newaxis)", "job.pool-too-small"],
  ["ValueError: anomaly mask must be binary", "job.mask-not-binary"],
  ["error: unsupported types: PCB+tombstone", "job.defect-unsupported"],
  [
    "FileNotFoundError: [Errno 2] No such file or directory: '/w/checkpoints/model/iter_000014000.pt'",
    "job.generator-checkpoint",
  ],
  ["error: 0 entries written", "job.no-roi"],
  ["WARNING board1/PCB+bridge: no ROI candidates, skipping", "job.no-roi"],
  ["PermissionError: [Errno 13] Permission denied: '/w/results/a'", "job.permission"],
  ["bash: line 1: /opt/anomalygen/run_sdg.sh: command not found", "job.program-missing"],
  ["User/System interruption: Train was interrupted", "job.interrupted"],
];

describe("known failures", () => {
  it.each(table)("reads %s as %s", (line, code) => {
    const found = recogniseFailure(["Train results will be saved at: /w", line, "Execution status: FAIL"]);
    expect(found).toEqual({ code, cause: expect.any(String), line });
  });

  it("has a line in this table for every failure that it knows", () => {
    const shown = new Set(table.map(([, code]) => code));
    expect(knownFailures.map(({ code }) => code).filter((code) => !shown.has(code))).toEqual([]);
  });

  it("names a code that ends the run, with its remedy, for every failure", () => {
    expect(knownFailures.filter(({ code }) => !refusals[code].hardStop || refusals[code].remedy === "")).toEqual([]);
  });

  it("tells the cause behind a symptom, not the symptom that follows from it", () => {
    const lines = ["OSError: [Errno 28] No space left on device", "PermissionError: [Errno 13] Permission denied: 'x'"];
    expect(recogniseFailure(lines)?.code).toBe("job.disk-full");
  });

  it("recognises nothing in a log that ended well", () => {
    const lines = [
      "Trainer.fit stopped: `max_epochs=10` reached.",
      "Telemetry data couldn't be sent",
      "Execution status: PASS",
    ];
    expect(recogniseFailure(lines)).toBeUndefined();
  });

  it("shows the last lines that mean something, without banner, bars and telemetry", () => {
    const lines = [
      "== TAO Toolkit PyTorch ==",
      "=====================",
      "AttributeError: 'NoneType' object has no attribute 'shape'",
      "Epoch 3: 100%|####| 13/13 [00:05<00:00,  2.35it/s]",
      "Sending telemetry data.",
      "Execution status: FAIL",
    ];
    expect(lastMeaningful(lines, 3)).toEqual(["AttributeError: 'NoneType' object has no attribute 'shape'"]);
  });
});
