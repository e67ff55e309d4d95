type ImageFacts = {
  readonly image_ext: string;
  readonly lightings: readonly string[];
  readonly batch_size: number;
};

const usual: ImageFacts = { image_ext: ".jpg", lightings: ["SolderLight"], batch_size: 16 };
const side = 224;

/**
 * A train spec for Visual ChangeNet classify with the container paths of a TAO workspace, under a comment. Two or four
 * lightings are laid out as a grid that is square as a whole, which is what the backbone takes.
 */
export function specText(comment: string, { image_ext, lightings, batch_size }: ImageFacts = usual): string {
  const grid = { x: lightings.length > 1 ? 2 : 1, y: lightings.length > 2 ? 2 : 1 };
  return `# ${comment}
encryption_key: tlt_encode
task: classify
results_dir: /results
train:
  num_epochs: 10
  num_nodes: 1
  validation_interval: 10
  checkpoint_interval: 5
  resume_training_checkpoint_path: null
  pretrained_model_path: null
  classify:
    loss: ce
    cls_weight: [1.0, 10.0]
  optim:
    optim: adamw
    lr: 1.0e-5
    policy: linear
    momentum: 0.9
    weight_decay: 0.01
model:
  backbone:
    type: c_radio_v2_vit_base_patch16_224
    pretrained_backbone_path: /data/pretrained_models/C-RADIOv2_B.safetensors
    freeze_backbone: false
  decode_head:
    feature_strides: [4, 8, 16, 32]
    use_summary_token: true
  classify:
    eval_margin: 0.3
    train_margin_euclid: 2.0
    embedding_vectors: 5
    embed_dec: 30
    difference_module: learnable
    learnable_difference_modules: 4
dataset:
  classify:
${datasetBlocks()}
    image_ext: ${image_ext}
    batch_size: ${batch_size}
    workers: 2
    fpratio_sampling: 0.2
    num_input: ${lightings.length}
    input_map:
${lightings.map((lighting, at) => `      ${lighting}: ${at}`).join("\n")}
    concat_type: ${lightings.length > 1 ? "grid" : "linear"}
    grid_map:
      x: ${grid.x}
      y: ${grid.y}
    image_width: ${side / grid.x}
    image_height: ${side / grid.y}
    num_classes: 2
    augmentation_config:
      augment: true
      rgb_input_mean: [0.485, 0.456, 0.406]
      rgb_input_std: [0.229, 0.224, 0.225]
evaluate:
  checkpoint: \${results_dir}/train/changenet_model_classify_latest.pth
inference:
  checkpoint: \${results_dir}/train/changenet_model_classify_latest.pth
`;
}

function datasetBlocks(): string {
  const mount = "/data/datasets/NV_PCB_Siamese";
  const tables = {
    train_dataset: "csv/training_set.csv",
    validation_dataset: "csv/validation_set.csv",
    test_dataset: "csv/validation_set.csv",
    infer_dataset: "kpi/testing_set.csv",
  };
  return Object.entries(tables)
    .map(([block, table]) => `    ${block}:\n      csv_path: ${mount}/${table}\n      images_dir: ${mount}/images`)
    .join("\n");
}
