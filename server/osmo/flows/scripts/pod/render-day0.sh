#!/usr/bin/env bash
# Scans the board and cuts one crop a component. Reads MAX_IMAGE_COUNT, CROP_MAX_EMIT, SCENE_FILENAME, INPUT_ASSETS.
set -euo pipefail
# shellcheck source=server/osmo/flows/scripts/pod/omniverse.sh
. "${DIG_PREFIX:-}/tmp/omniverse.sh"
OUT="${OUTPUT_DIR:-/osmo/data/output}"
export OUT

require_omniverse
require_yq
mkdir -p "$OUT"
if [[ ! -f "$AT/tmp/pcba_target.yaml" ]]; then
  echo "ERROR: /tmp/pcba_target.yaml not mounted (cookbook localpath)"
  exit 1
fi
find_scene "$INPUT_ASSETS" "$SCENE_FILENAME"
echo "Assets: pcba_target=/tmp/pcba_target.yaml scene=$SCENE"
target="$AT/tmp/pcba_target_patched.yaml"
image="$AT/tmp/day0_image_resolved.yaml"
crop="$AT/tmp/day0_crop_resolved.yaml"
patch_target "$AT/tmp/pcba_target.yaml" "$target"
cp "$AT/tmp/day0_image.yaml" "$image"
yq -i '.output = strenv(OUT)' "$image"
yq -i '.max_image_count = (strenv(MAX_IMAGE_COUNT) | tonumber)' "$image"
cp "$AT/tmp/day0_crop.yaml" "$crop"
yq -i '.output.dir = strenv(OUT)' "$crop"
if [[ "$CROP_MAX_EMIT" == null ]]; then
  yq -i '.crop.max_emit = null' "$crop"
elif [[ -n "$CROP_MAX_EMIT" ]]; then
  yq -i '.crop.max_emit = (strenv(CROP_MAX_EMIT) | tonumber)' "$crop"
fi
if [[ -n "$CROP_MAX_EMIT" ]]; then echo "Patched crop.max_emit -> $CROP_MAX_EMIT"; fi
# sdg_pipeline.py reads the key without a default.
if ! grep -Eq '^[^#]*horizontal_aperture:' "$image" "$crop"; then
  echo 'horizontal_aperture: 200.0' >>"$image"
  echo "Injected horizontal_aperture: 200.0 into $image"
fi
cp "$image" "$OUT/day0_image.yaml"
cp "$crop" "$OUT/day0_crop.yaml"
cp "$target" "$OUT/pcba_target.yaml"

run_kit "$SIM_SCRIPTS/sdg/standalone/sdg_pipeline.py" --config "$image" --pcba-config "$target"
python3 "$SIM_SCRIPTS/usd2roi/usd2roi_crop.py" --config "$crop"

rois="$(count_files "$OUT/crop" -type f -path '*/normal_img/*.png')"
if ((rois == 0)); then
  echo "ERROR: 0 ROI pairs emitted under $OUT/crop"
  exit 1
fi
cells="$(count_files "$OUT/crop" -mindepth 2 -maxdepth 2 -type d)"
materials="$(find "$OUT/crop" -mindepth 1 -maxdepth 1 -type d -printf '%f ' | sed 's/ $//')"
echo "usd2roi-render complete: $rois ROIs across $cells cell(s); materials: $materials"
