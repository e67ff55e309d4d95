#!/usr/bin/env bash
# Poses defects, renders them and cuts one crop a component.
# Reads MAX_IMAGE_COUNT, DEFECT_MODES, CROP_OFFSET, SCENE_FILENAME, INPUT_ASSETS.
set -euo pipefail
# shellcheck source=server/osmo/flows/scripts/pod/omniverse.sh
. "${DIG_PREFIX:-}/tmp/omniverse.sh"
OUT="${OUTPUT_DIR:-/osmo/data/output}"
# The image's user may not chmod or touch the output mount, so the programs write here and the result is copied.
WORK="$AT/tmp/work_out"
export WORK

require_omniverse
require_yq
rm -rf "$WORK"
mkdir -p "$WORK"
find_scene "$INPUT_ASSETS" "$SCENE_FILENAME"
echo "Scene: $SCENE"
target="$AT/tmp/pcba_target_patched.yaml"
config="$AT/tmp/render_config_resolved.yaml"
patch_target "$AT/tmp/pcba_target.yaml" "$target"
cp "$AT/tmp/render_config.yaml" "$config"
yq -i '.output = strenv(WORK)' "$config"
yq -i '.max_image_count = (strenv(MAX_IMAGE_COUNT) | tonumber)' "$config"

known=(shift tombstone sideflip)
if [[ "$DEFECT_MODES" != all ]]; then
  IFS=', ' read -r -a wanted <<<"$DEFECT_MODES"
  for mode in "${wanted[@]}"; do
    if [[ " ${known[*]} " != *" $mode "* ]]; then
      echo "ERROR: unknown defect_modes: $mode (expected subset of: ${known[*]})"
      exit 1
    fi
  done
  enabled=""
  disabled=""
  for mode in "${known[@]}"; do
    if [[ " ${wanted[*]} " == *" $mode "* ]]; then
      yq -i ".defects.$mode.enabled = true" "$config"
      enabled="$enabled $mode"
    else
      yq -i ".defects.$mode.enabled = false" "$config"
      disabled="$disabled $mode"
    fi
  done
  echo "defect_modes: enabled=[${enabled# }], disabled=[${disabled# }]"
fi
cp "$config" "$WORK/render_config.yaml"
cp "$target" "$WORK/pcba_target.yaml"

run_kit "$SIM_SCRIPTS/sdg/standalone/sdg_pipeline.py" --config "$config" --pcba-config "$target"
triggers="$(count_files "$WORK" -mindepth 1 -maxdepth 1 -type d -name 'trigger_*')"
frames="$(count_files "$WORK" -type f -path '*/trigger_*/rgb_*.png')"
if ((triggers == 0 || frames == 0)); then
  echo "ERROR: sdg_pipeline.py produced no frames under /tmp/work_out"
  exit 1
fi
echo "render complete: $frames frames across $triggers trigger(s)"

python3 "$SIM_SCRIPTS/postprocess/crop_components.py" --input "$WORK/trigger_0000" --output "$WORK/cropped" \
  --crops rgb semantic_segmentation component_instance --offset "$CROP_OFFSET"
crops="$(count_files "$WORK/cropped" -mindepth 2 -type f -path '*/rgb/*.png')"
if ((crops == 0)); then
  echo "ERROR: crop_components.py produced no per-mode rgb crops under /tmp/work_out/cropped/"
  find "$WORK" | sort | sed -n 1,40p
  exit 1
fi
echo "crop complete: $crops per-component crops at /tmp/work_out/cropped/"
for dir in "$WORK"/cropped/*/; do echo "  mode=$(basename "$dir")"; done
mkdir -p "$OUT"
cp -r "$WORK/." "$OUT/"
echo "Mirrored /tmp/work_out to $OUT"
