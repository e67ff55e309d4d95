#!/usr/bin/env bash
# Puts texture defects on the restyled crops of a Day 0 render. Reads INPUT_CLEAN, INPUT_RENDER, INPUT_RAW,
# INPUT_PRETRAINED, INPUT_CHECKPOINT and the inference knobs.
set -euo pipefail
# shellcheck source=server/osmo/flows/scripts/pod/anomalygen.sh
. "${DIG_PREFIX:-}/tmp/anomalygen.sh"
mkdir -p "${OUTPUT_DIR:-/osmo/data/output}/inference"
require_helpers

# crop_root INPUT WHAT: prints the crop tree of an input.
crop_root() {
  local found=""
  if [[ -n "$(find -L "$1/crop" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | sed -n 1p)" ]]; then
    found="$1/crop"
  else
    found="$(find -L "$1" -maxdepth 5 -type d -name crop | sort | sed -n 1p)"
  fi
  [[ -n "$found" ]] || die "$2 crop/<MAT>/<cell>/ tree not found under $1" >&2
  echo "$found"
}

clean_base="$(crop_root "$INPUT_CLEAN" clean)"
mask_base="$(crop_root "$INPUT_RENDER" cad_mask)"
echo "CLEAN_BASE=$clean_base"
echo "MASK_BASE=$mask_base"
submask_root="$(resolve_root "$INPUT_RAW")"
echo "SUBMASK_ROOT=$submask_root"
pretrained="$(find_pretrained "$INPUT_PRETRAINED")"
cd "$REPO"
link_pretrained "$pretrained"
wrap_checkpoint "$INPUT_CHECKPOINT" "$CHECKPOINT_STEP"

rm -rf "$STAGE"
mkdir -p "$STAGE"
wanted="$(taxonomy_materials)"
echo "anomaly_types_json materials: ${wanted//$'\n'/ }"
# The rendered tree decides what is staged: staging by the taxonomy would mix crops of one material into another.
materials="$(find -L "$clean_base" -mindepth 1 -maxdepth 1 -type d -exec basename {} \; | sort)"
[[ -n "$materials" ]] || die "no material dirs under $clean_base"
echo "usd2roi-disk materials:        ${materials//$'\n'/ }"
staged=0
kinds=0
while IFS= read -r material; do
  kinds=$((kinds + 1))
  mkdir -p "$STAGE/$material/clean_image" "$STAGE/$material/cad_mask" "$STAGE/$material/mask"
  for cell in "$clean_base/$material"/x*_y*/; do
    [[ -d "$cell" ]] || continue
    cell="$(basename "$cell")"
    for image in "$clean_base/$material/$cell"/*.png "$clean_base/$material/$cell"/*.jpg "$clean_base/$material/$cell"/*.jpeg; do
      [[ -f "$image" ]] || continue
      file="$(basename "$image")"
      stem="${file%.*}"
      ln -s "$image" "$STAGE/$material/clean_image/${cell}__$file"
      mask="$mask_base/$material/$cell/cad_mask/${stem}_cad_mask.png"
      if [[ -f "$mask" ]]; then ln -s "$mask" "$STAGE/$material/cad_mask/${cell}__$stem.png"; fi
      staged=$((staged + 1))
    done
  done
done <<<"$materials"
echo "Staged $staged clean images across $kinds material(s)"
((staged > 0)) || die "no clean images staged"
while IFS= read -r material; do
  if [[ ! -d "$clean_base/$material" ]]; then
    echo "WARN: anomaly_types_json material '$material' missing from $clean_base/"
  fi
done <<<"$wanted"
stage_submasks "$submask_root" "$STAGE" ""
render_spec "$STAGE"
if [[ "$DEFAULT_SPATIAL_DEPENDENCY" == cad ]]; then
  labels="$(find -L "$INPUT_RENDER" -maxdepth 5 -type f -path '*/crop/*' -name semantic_segmentation_labels.json | sort | sed -n 1p)"
  [[ -n "$labels" ]] || die "spatial_dependency=cad but no semantic_segmentation_labels.json under $INPUT_RENDER/crop/"
  cp "$labels" "$STAGE/semantic_segmentation_labels.json"
  echo "Staged labels: $labels"
fi
infer "$STAGE" "$STAGE/defect_spec.jsonl" ""
