#!/usr/bin/env bash
# Puts texture defects on pre-captured images. A dataset with its own defect_spec.jsonl is used as it is (mode A);
# a flat upload is staged with a spec rendered from the knobs (mode B). Reads INPUT_RAW, INPUT_PRETRAINED,
# INPUT_CHECKPOINT and the inference knobs.
set -euo pipefail
# shellcheck source=server/osmo/flows/scripts/pod/anomalygen.sh
. "${DIG_PREFIX:-}/tmp/anomalygen.sh"
mkdir -p "${OUTPUT_DIR:-/osmo/data/output}/inference"
require_helpers

clean_dir="$(resolve_dir "$INPUT_RAW" clean_image clean_images)"
# A <material>/mask/<defect> upload keeps its root, so that a second material finds its own masks.
if has_mask_tree "$(resolve_root "$INPUT_RAW")"; then
  submask_base="$(resolve_root "$INPUT_RAW")"
else
  submask_base="$(resolve_dir "$INPUT_RAW" submasks mask masks)"
fi
echo "CLEAN_DIR=$clean_dir"
echo "SUBMASK_BASE=$submask_base"
pretrained="$(find_pretrained "$INPUT_PRETRAINED")"
cd "$REPO"
link_pretrained "$pretrained"
wrap_checkpoint "$INPUT_CHECKPOINT" "$CHECKPOINT_STEP"

spec="$(find -L "$INPUT_RAW" -maxdepth 3 -type f -name defect_spec.jsonl | sort | sed -n 1p)"
if [[ -n "$spec" ]]; then
  dataset="$(dirname "$spec")"
  echo "Mode A (prepared dataset): --dataset-dir=$dataset"
  show_spec "$spec"
  infer "$dataset" "$spec" ""
else
  rm -rf "$STAGE"
  wanted="$(taxonomy_materials)"
  echo "materials: ${wanted//$'\n'/ }"
  while IFS= read -r material; do mkdir -p "$STAGE/$material/mask"; done <<<"$wanted"
  stage_submasks "$submask_base" "$STAGE" ""
  render_spec "$STAGE"
  echo "Mode B (staged): --dataset-dir=/tmp/inference_stage"
  infer "$STAGE" "$STAGE/defect_spec.jsonl" "$clean_dir"
fi
