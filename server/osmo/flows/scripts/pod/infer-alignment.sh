#!/usr/bin/env bash
# Puts texture defects on the crops of a registered real photo. Reads INPUT_ALIGNED, INPUT_RAW, INPUT_PRETRAINED,
# INPUT_CHECKPOINT and the inference knobs. Crops are staged before the checkpoint, so a bad crop tree fails first.
set -euo pipefail
# shellcheck source=server/osmo/flows/scripts/pod/anomalygen.sh
. "${DIG_PREFIX:-}/tmp/anomalygen.sh"
mkdir -p "${OUTPUT_DIR:-/osmo/data/output}/inference"
require_helpers
STAGE="$AT/tmp/usd2roi_day1_stage"
crops="$INPUT_ALIGNED/crop"

rm -rf "$STAGE"
mkdir -p "$STAGE"
materials=""
if [[ -d "$crops" ]]; then
  materials="$(find -L "$crops" -mindepth 1 -maxdepth 1 -type d -exec basename {} \; | sort)"
fi
[[ -n "$materials" ]] || die "no material dirs under $crops/"
wanted="$(taxonomy_materials)"
echo "usd2roi-disk materials: ${materials//$'\n'/ }"
echo "anomaly_types_json materials: ${wanted//$'\n'/ }"
staged=0
kinds=0
while IFS= read -r material; do
  kinds=$((kinds + 1))
  mkdir -p "$STAGE/$material/clean_image" "$STAGE/$material/cad_mask" "$STAGE/$material/mask"
  for image in "$crops/$material"/normal_img/*.png "$crops/$material"/normal_img/*.jpg; do
    [[ -f "$image" ]] || continue
    file="$(basename "$image")"
    stem="${file%.*}"
    ln -s "$image" "$STAGE/$material/clean_image/$file"
    for mask in "cad_mask/${stem}_cad_mask" "cad_mask/$stem" "seg/$stem" "ov_seg/$stem" "semantic_segmentation/$stem"; do
      if [[ -f "$crops/$material/$mask.png" ]]; then
        ln -s "$crops/$material/$mask.png" "$STAGE/$material/cad_mask/$stem.png"
        break
      fi
    done
    staged=$((staged + 1))
  done
done <<<"$materials"
echo "Real-alignment staged $staged ROI crops across $kinds material(s)"
((staged > 0)) || die "no ROI crops staged"
while IFS= read -r material; do
  if [[ ! -d "$crops/$material" ]]; then
    echo "WARN: anomaly_types_json material '$material' missing from $crops/"
  fi
done <<<"$wanted"
submask_root="$(resolve_root "$INPUT_RAW")"
echo "SUBMASK_ROOT=$submask_root"
stage_submasks "$submask_root" "$STAGE" "Real-alignment "
render_spec "$STAGE"
if [[ "$DEFAULT_SPATIAL_DEPENDENCY" == cad ]]; then
  labels="$(find -L "$INPUT_ALIGNED" -maxdepth 5 -type f -name semantic_segmentation_labels.json | sort | sed -n 1p)"
  if [[ -n "$labels" ]]; then
    cp "$labels" "$STAGE/semantic_segmentation_labels.json"
    echo "Staged semantic_segmentation_labels.json from $labels"
  else
    echo "WARN: spatial_dependency=cad but no semantic_segmentation_labels.json found under $INPUT_ALIGNED — prep_testcase.sh may fail. Switch to default_spatial_dependency=free."
  fi
fi
echo "Real-alignment: INFERENCE_DATASET=/tmp/usd2roi_day1_stage"

pretrained="$(find_pretrained "$INPUT_PRETRAINED")"
cd "$REPO"
link_pretrained "$pretrained"
wrap_checkpoint "$INPUT_CHECKPOINT" "$CHECKPOINT_STEP"
echo "Prepared dataset: --dataset-dir=$STAGE"
infer "$STAGE" "$STAGE/defect_spec.jsonl" ""
