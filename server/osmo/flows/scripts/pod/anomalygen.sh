# shellcheck shell=bash
# Blocks of the tasks that train and infer with AnomalyGen; sourced by them. AT is empty in a pod: tests put a folder there.
AT="${DIG_PREFIX:-}"
REPO="$AT/workspace/paidf-anomalygen"
UTILITIES="$REPO/scripts/utilities"
# Read by the scripts that source this file.
# shellcheck disable=SC2034
STAGE="$AT/tmp/inference_stage"
WRAPPER="$AT/tmp/ag_ckpt_wrapper"

die() {
  echo "ERROR: $1"
  shift
  local line
  for line in "$@"; do echo "  $line"; done
  exit 1
}

require_helpers() {
  [[ -f "$UTILITIES/prep_testcase.sh" ]] || die "$UTILITIES/prep_testcase.sh not in image"
}

# link_pretrained TREE: points the image's checkpoints at the shared tree, one entry at a time. The rest of the
# directory stays: SAM2 and Qwen3-VL baked into the image may be the only copies.
link_pretrained() {
  local item
  mkdir -p "$REPO/checkpoints"
  for item in NVDINOV2 nvidia google-t5 facebook C-RADIOv2_B.pth sam2 Qwen; do
    if [[ -e "$1/$item" ]]; then
      rm -rf "${REPO:?}/checkpoints/$item"
      ln -s "$1/$item" "$REPO/checkpoints/$item"
    fi
  done
}

# find_pretrained INPUT: prints the first directory called pretrained.
find_pretrained() {
  local found
  found="$(find -L "$1" -maxdepth 4 -type d -name pretrained | sort | sed -n 1p)"
  [[ -n "$found" ]] || die "pretrained/ not found" >&2
  echo "$found"
}

# wrap_checkpoint INPUT STEP: gives a trained or a shipped checkpoint one layout, chooses the step into
# CHECKPOINT_STEP and lets the image check it. Only model weights are linked: optim, scheduler and trainer files have
# the same names and would take their place.
wrap_checkpoint() {
  local config config_dir weights entry count
  config="$(find -L "$1" -maxdepth 8 -type f -name ag_config.yaml | sort | sed -n 1p)"
  [[ -n "$config" ]] || die "ag_config.yaml not found in checkpoint"
  echo "Training config: $config"
  config_dir="$(dirname "$config")"
  rm -rf "$WRAPPER"
  mkdir -p "$WRAPPER/checkpoints/model"
  weights="$(find -L "$1" -maxdepth 10 -type f -path '*/checkpoints/model/iter_*.pt' | sort)"
  if [[ -z "$weights" ]]; then
    weights="$(find -L "$config_dir" -maxdepth 1 -type f -name 'iter_*.pt' | sort)"
  fi
  [[ -n "$weights" ]] || die "no model iter_*.pt files found under $1"
  count=0
  while IFS= read -r entry; do
    ln -sf "$entry" "$WRAPPER/checkpoints/model/$(basename "$entry")"
    count=$((count + 1))
  done <<<"$weights"
  cp "$config" "$WRAPPER/ag_config.yaml"
  for entry in "$config_dir"/*; do
    case "$(basename "$entry")" in
      ag_config.yaml | iter_*.pt | *.ckpt | *.pt) continue ;;
    esac
    [[ -e "$WRAPPER/$(basename "$entry")" ]] || ln -s "$entry" "$WRAPPER/$(basename "$entry")"
  done
  echo "Linked $count checkpoint files into /tmp/ag_ckpt_wrapper"
  CHECKPOINT_STEP="$(bash "$AT/tmp/pick_best_step.sh" "$1" "$2")"
  echo "Inference checkpoint step: $CHECKPOINT_STEP"
  python3 "$UTILITIES/validate_checkpoint.py" "$WRAPPER" --step "$CHECKPOINT_STEP"
}

# has_mask_tree DIR: whether DIR/<material>/mask/<defect> exists.
has_mask_tree() {
  [[ -n "$(find -L "$1" -mindepth 3 -maxdepth 3 -type d -path '*/mask/*' | sed -n 1p)" ]]
}

# resolve_root DIR: prints DIR, or its first child when that one holds the <material>/mask/<defect> tree.
resolve_root() {
  local child
  child="$(find -L "$1" -mindepth 1 -maxdepth 1 -type d | sort | sed -n 1p)"
  if ! has_mask_tree "$1" && [[ -n "$child" ]] && has_mask_tree "$child"; then echo "$child"; else echo "$1"; fi
}

# resolve_dir DIR NAME...: prints the first directory of the first name that exists below DIR, else DIR.
resolve_dir() {
  local root="$1" name found
  shift
  for name in "$@"; do
    found="$(find -L "$root" -maxdepth 6 -type d -name "$name" | sort | sed -n 1p)"
    if [[ -n "$found" ]]; then
      echo "$found"
      return
    fi
  done
  echo "$root"
}

# taxonomy_materials: prints the materials of ANOMALY_TYPES_JSON, one a line.
taxonomy_materials() {
  python3 -c 'import json, os; print("\n".join(sorted(set(p[0] for p in json.loads(os.environ["ANOMALY_TYPES_JSON"])))))'
}

taxonomy_pairs() {
  python3 -c 'import json, os; [print(p[0], p[1], sep="\t") for p in json.loads(os.environ["ANOMALY_TYPES_JSON"])]'
}

# stage_submasks BASE STAGE PREFIX: links the defect shapes of every pair into STAGE/<material>/mask/<defect>.
stage_submasks() {
  local pairs material defect source file count
  pairs="$(taxonomy_pairs)"
  [[ -n "$pairs" ]] || die "anomaly_types_json holds no pair"
  while IFS=$'\t' read -r material defect; do
    source="$1/$material/mask/$defect"
    [[ -d "$source" ]] || source="$1/$defect"
    [[ -d "$source" ]] ||
      die "submask dir not found for $material+$defect (tried $1/$material/mask/$defect and $1/$defect)"
    mkdir -p "$2/$material/mask/$defect"
    count=0
    for file in "$source"/*.png "$source"/*.jpg "$source"/*.jpeg; do
      [[ -f "$file" ]] || continue
      ln -sf "$file" "$2/$material/mask/$defect/$(basename "$file")"
      count=$((count + 1))
    done
    echo "${3}submasks/$material+$defect: $count files (from $source)"
    ((count > 0)) || die "no submask files in $source"
  done <<<"$pairs"
}

# render_spec STAGE: writes the stage's defect_spec.jsonl from the taxonomy.
render_spec() {
  python3 "$AT/tmp/render_defect_spec.py" --output "$1/defect_spec.jsonl" --pairs "$ANOMALY_TYPES_JSON" \
    --spatial-dependency "$DEFAULT_SPATIAL_DEPENDENCY"
  show_spec "$1/defect_spec.jsonl"
}

show_spec() {
  echo "--- defect_spec.jsonl ---"
  cat "$1"
  echo "--- end defect_spec ---"
}

# infer DATASET SPEC CLEAN_DIR: allocates test cases, generates and verifies. An empty CLEAN_DIR leaves the lookup to
# the dataset's own tree. NUM_GPUS is passed on when the task sets it. The output is nested one level, because a
# converter writes a sibling of it.
infer() {
  local dataset="$1" spec="$2" out clean=() gpus=() shown=""
  out="${OUTPUT_DIR:-/osmo/data/output}/inference"
  if [[ -n "$3" ]]; then clean=(--clean-dir "$3"); fi
  if [[ -n "${NUM_GPUS:-}" ]]; then
    gpus=(--num_gpus "$NUM_GPUS")
    shown=", num_gpus=$NUM_GPUS"
  fi
  mkdir -p "$AT/tmp/amp_output"
  echo "=== prep_testcase.sh (num_sdg=$NUM_SDG) ==="
  bash "$UTILITIES/prep_testcase.sh" --name "${EXP_NAME}_infer" --num-sdg "$NUM_SDG" --dataset-dir "$dataset" \
    "${clean[@]}" --defect-spec "$spec" --amp-output-dir "$AT/tmp/amp_output" --output-jsonl "$AT/tmp/inference.jsonl"
  python3 "$UTILITIES/validate_jsonl.py" "$WRAPPER" "$AT/tmp/inference.jsonl"
  export IMAGINAIRE_OUTPUT_ROOT="$out/results"
  mkdir -p "$IMAGINAIRE_OUTPUT_ROOT"
  echo "=== run_sdg.sh (checkpoint_step=$CHECKPOINT_STEP, model_size=$MODEL_SIZE$shown) ==="
  bash "$UTILITIES/run_sdg.sh" --checkpoint_dir "$WRAPPER" --step "$CHECKPOINT_STEP" \
    --input_jsonl "$AT/tmp/inference.jsonl" --output_dir "$out" --model_size "$MODEL_SIZE" "${gpus[@]}" --seed 0
  bash "$UTILITIES/verify_output.sh" "$AT/tmp/inference.jsonl" "$out"
  echo "=== Inference complete: $(find "$out/reconstructed_image" -mindepth 1 -maxdepth 1 | wc -l) images ==="
}
