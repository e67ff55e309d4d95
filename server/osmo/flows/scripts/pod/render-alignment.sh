#!/usr/bin/env bash
# Renders the board, registers a real photo against it and cuts one crop a component.
# Reads SCENE_FILENAME, REAL_IMAGE_FILENAME, INPUT_ASSETS.
set -euo pipefail
# shellcheck source=server/osmo/flows/scripts/pod/omniverse.sh
. "${DIG_PREFIX:-}/tmp/omniverse.sh"
OUT="${OUTPUT_DIR:-/osmo/data/output}"
export OUT

require_omniverse
require_yq
mkdir -p "$OUT"
find_scene "$INPUT_ASSETS" "$SCENE_FILENAME"
PHOTO="$INPUT_ASSETS/$REAL_IMAGE_FILENAME"
if [[ ! -f "$PHOTO" ]]; then
  PHOTO="$(find -L "$INPUT_ASSETS" -type f -name "$(basename "$REAL_IMAGE_FILENAME")" | sort | sed -n 1p)"
fi
if [[ -z "$PHOTO" ]]; then
  echo "ERROR: real_image_filename=$REAL_IMAGE_FILENAME not found under $INPUT_ASSETS"
  exit 1
fi
export PHOTO
echo "Scene: $SCENE"
echo "Photo: $PHOTO"
config="$AT/tmp/usd2roi_day1_resolved.yaml"
cp "$AT/tmp/usd2roi_day1.yaml" "$config"
yq -i '.scene = strenv(SCENE)' "$config"
yq -i '.real_image = strenv(PHOTO)' "$config"
yq -i '.output.dir = strenv(OUT)' "$config"
cp "$config" "$OUT/usd2roi_day1.yaml"

run_kit "$SIM_SCRIPTS/usd2roi/usd2roi_render.py" --config "$config"
status=0
python3 "$SIM_SCRIPTS/usd2roi/usd2roi_register.py" --config "$config" || status=$?
if ((status != 0)); then
  echo "ERROR: usd2roi_register.py exited $status (likely MI < min_mi)."
  echo "  Widen registration.sx_range, sy_range and rot_range_deg in the board's usd2roi_nvpcb.yaml,"
  echo "  or lower registration.min_mi;"
  echo "  check camera.translate and camera.horizontal_aperture against the photo."
  exit "$status"
fi
python3 "$SIM_SCRIPTS/usd2roi/usd2roi_crop.py" --config "$config"
crops="$(count_files "$OUT/crop" -type f -path '*/normal_img/*.png')"
if ((crops == 0)); then
  echo "ERROR: 0 ROI crops emitted under $OUT/crop"
  exit 1
fi
echo "usd2roi-day1 complete: $crops ROI crops"
if [[ -f "$OUT/aligned/params.json" ]]; then
  echo "--- registration params ---"
  cat "$OUT/aligned/params.json"
  echo
  echo "--- end params ---"
fi
