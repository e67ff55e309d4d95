import type { KnownKeys } from "./load-spec.ts";

/** Keys of the Visual ChangeNet experiment spec (TAO PyTorch 7.0.1 and 7.1 schema), for the sections that matter here. */
export const changenetKeys: KnownKeys = {
  "": {
    schema: "ExperimentConfig",
    keys: [
      ...["model_name", "encryption_key", "results_dir", "wandb", "task", "model", "dataset", "train", "evaluate"],
      ...["inference", "export", "gen_trt_engine", "quantize", "prune", "distill"],
    ],
  },
  train: {
    schema: "CNTrainExpConfig",
    keys: [
      ...["num_gpus", "gpu_ids", "num_nodes", "seed", "cudnn", "num_epochs", "checkpoint_interval", "results_dir"],
      ...["checkpoint_interval_unit", "validation_interval", "resume_training_checkpoint_path", "optim", "classify"],
      ...["pretrained_model_path", "segment", "tensorboard", "precision", "checkpointer", "distributed_strategy"],
      ...["activation_checkpoint", "clip_grad_norm", "is_dry_run", "enable_ema", "ema", "verbose"],
    ],
  },
  "train.classify": { schema: "CNTrainClassifyConfig", keys: ["loss", "cls_weight"] },
  dataset: { schema: "CNDatasetConfig", keys: ["segment", "classify"] },
  "dataset.classify": {
    schema: "CNDatasetClassifyConfig",
    keys: [
      ...["train_dataset", "validation_dataset", "test_dataset", "infer_dataset", "image_ext", "batch_size", "workers"],
      ...["fpratio_sampling", "num_input", "input_map", "concat_type", "grid_map", "image_width", "image_height"],
      ...["num_classes", "num_golden", "augmentation_config", "output_shape", "quant_calibration_dataset"],
    ],
  },
  evaluate: {
    schema: "CNEvaluateConfig",
    keys: [
      ...["num_gpus", "gpu_ids", "num_nodes", "checkpoint", "trt_engine", "results_dir", "vis_after_n_batches"],
      ...["batch_size", "is_quantized"],
    ],
  },
  inference: {
    schema: "CNInferenceConfig",
    keys: [
      ...["num_gpus", "gpu_ids", "num_nodes", "checkpoint", "trt_engine", "results_dir", "vis_after_n_batches"],
      ...["batch_size", "is_quantized"],
    ],
  },
};
