#!/usr/bin/env bash
# Trains an AnomalyGen checkpoint with the use case's cookbook. Reads USECASE, NUM_GPUS, EXP_NAME, PRETRAINED_SRC
# and DATASET_DIR.
set -euo pipefail
# shellcheck source=server/osmo/flows/scripts/pod/anomalygen.sh
. "${DIG_PREFIX:-}/tmp/anomalygen.sh"
OUT="${OUTPUT_DIR:-/osmo/data/output}"
mkdir -p "$OUT"

gib="$(df -B1G /dev/shm | tail -n 1 | awk '{print $2}')"
((gib >= 16)) || die "/dev/shm is ${gib}GiB; need >= 16 GiB (32 preferred) for torchrun shared-memory."
if [[ ! -x "$AT/tmp/yq" ]]; then
  wget -q https://github.com/mikefarah/yq/releases/download/v4.44.3/yq_linux_amd64 -O "$AT/tmp/yq"
  chmod +x "$AT/tmp/yq"
fi
export PATH="$AT/tmp:$PATH"
template="$AT/tmp/ag_config_template.yaml"
[[ -f "$template" ]] || die "/tmp/ag_config_template.yaml not mounted — cookbook upload failed." \
  "Confirm assets/cookbooks/$USECASE/ag_config.yaml exists."
if [[ ! -d "$PRETRAINED_SRC" ]]; then
  echo "ERROR: pretrained tree not at $PRETRAINED_SRC"
  ls -la "$(dirname "$PRETRAINED_SRC")" || true
  exit 1
fi
cd "$REPO"
link_pretrained "$PRETRAINED_SRC"
[[ -d "$DATASET_DIR" ]] || die "training dataset not at $DATASET_DIR"
setup="setup_$USECASE"
if [[ "$USECASE" == metal_surface ]]; then setup=setup_metal; fi
spec="$DATASET_DIR/defect_spec.jsonl"
[[ -f "$spec" ]] || die "$spec missing in raw dataset." "Re-run setup/$setup.yaml for datasets/$USECASE/raw."
[[ -f "$UTILITIES/prep_testcase.sh" ]] || die "$UTILITIES/prep_testcase.sh not in image — check digest."

echo "=== Phase 1 Step 1: validate_dataset.py ==="
python3 "$UTILITIES/validate_dataset.py" "$DATASET_DIR"
masks="$(find -L "$DATASET_DIR" -type f -path '*/mask/*/*' \( -name '*.png' -o -name '*.jpg' -o -name '*.jpeg' \) | wc -l)"
((masks > 0)) || die "no training masks under $DATASET_DIR/*/mask/"
echo "Total training mask count (num_sdg): $masks"
validation="$AT/tmp/validation"
rm -rf "$validation"
mkdir -p "$validation/amp"
echo "=== Phase 1 Step 2: prep_testcase.sh (validation_$EXP_NAME) ==="
# As many samples as masks gives every mask one seed.
bash "$UTILITIES/prep_testcase.sh" --name "validation_$EXP_NAME" --num-sdg "$masks" --dataset-dir "$DATASET_DIR" \
  --defect-spec "$spec" --amp-output-dir "$validation/amp" --output-jsonl "$validation/validation.jsonl"
[[ -s "$validation/validation.jsonl" ]] || die "prep_testcase.sh produced an empty validation.jsonl"
echo "validation.jsonl: $(wc -l <"$validation/validation.jsonl") rows"
echo "validation amp/:  $(find "$validation/amp" -type f | wc -l) files"

config="$AT/tmp/ag_config.yaml"
cp "$template" "$config"
export JOB_NAME="${EXP_NAME}_training_FP32_lr0.02_bs=2_2b_512x512"
export VALIDATION_JSONL="$validation/validation.jsonl"
yq -i '.job.group = strenv(EXP_NAME)' "$config"
yq -i '.job.name = strenv(JOB_NAME)' "$config"
yq -i '.dataloader_train.dataset.dataset_dir = strenv(DATASET_DIR)' "$config"
yq -i '.dataloader_val.dataset.input_data_path = strenv(VALIDATION_JSONL)' "$config"
yq -i '.model.config.ag_config.mask_encoder.encoder_config.init_cfg.checkpoint = "checkpoints/NVDINOV2/nv_dinov2_classification_model.ckpt"' "$config"
# The image's trainer configuration knows no such block.
yq -i 'del(.trainer.early_stop)' "$config"
echo "Rendered /tmp/ag_config.yaml from /tmp/ag_config_template.yaml (NAME=$EXP_NAME)"

save_iter="$(yq '.checkpoint.save_iter // 0' "$config")"
max_iter="$(yq '.trainer.max_iter // 0' "$config")"
validation_iter="$(yq '.trainer.validation_iter // 0' "$config")"
logging_iter="$(yq '.trainer.logging_iter // 0' "$config")"
if ((max_iter > 0 && save_iter > max_iter)); then
  die "cookbook save_iter=$save_iter > max_iter=$max_iter — no checkpoint will be saved." \
    "Fix assets/cookbooks/$USECASE/ag_config.yaml: set save_iter <= max_iter." >&2
fi
if ((max_iter > 0 && validation_iter > max_iter)); then
  echo "WARN: cookbook validation_iter=$validation_iter > max_iter=$max_iter — no validation logs; pick_best_step.sh will fall back to latest trained iter (not best-by-nn_score)." >&2
fi
if ((max_iter > 0 && logging_iter > max_iter)); then
  echo "WARN: cookbook logging_iter=$logging_iter > max_iter=$max_iter — no progress logs will be emitted." >&2
fi

mkdir -p ag_configs
cp "$config" "ag_configs/$EXP_NAME.yaml"
export IMAGINAIRE_OUTPUT_ROOT="$OUT/results"
mkdir -p "$IMAGINAIRE_OUTPUT_ROOT"
echo "=== torchrun ($EXP_NAME, $NUM_GPUS GPUs, experiment=predict2_anomaly_gen_ddp_2b) ==="
torchrun "--nproc_per_node=$NUM_GPUS" --master_port=12341 -m scripts.anomaly_gen.ag_train \
  --config=cosmos_predict2/configs/base/ag_config.py "--ag_config=ag_configs/$EXP_NAME.yaml" -- \
  experiment=predict2_anomaly_gen_ddp_2b
echo "=== Training complete ==="
