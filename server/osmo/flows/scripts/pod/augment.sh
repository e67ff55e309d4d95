#!/usr/bin/env bash
# Restyles rendered crops through the image-edit endpoint. Reads LAYOUT (cells or modes), INPUT_CROPS,
# IMAGE_EDIT_ENDPOINT and IMAGE_EDIT_MODEL.
set -euo pipefail
AT="${DIG_PREFIX:-}"
OUT="${OUTPUT_DIR:-/osmo/data/output}"
mkdir -p "$OUT"

if [[ "$LAYOUT" == cells ]]; then
  materials=0
  if [[ -d "$INPUT_CROPS/crop" ]]; then
    materials="$(find -L "$INPUT_CROPS/crop" -mindepth 1 -maxdepth 1 -type d | wc -l)"
  fi
  if ((materials == 0)); then
    echo "ERROR: no material subdirs under $INPUT_CROPS/crop/"
    exit 1
  fi
else
  crops=0
  if [[ -d "$INPUT_CROPS/cropped" ]]; then
    crops="$(find -L "$INPUT_CROPS/cropped" -mindepth 2 -type f -path '*/rgb/*' \( -name '*.png' -o -name '*.jpg' \) | wc -l)"
  fi
  if ((crops == 0)); then
    echo "ERROR: no per-mode rgb crops under $INPUT_CROPS/cropped/<mode>/rgb/"
    find -L "$INPUT_CROPS" | sort | sed -n 1,40p
    exit 1
  fi
fi

uv run python "$AT/tmp/build_batch_config.py" "$LAYOUT" "$INPUT_CROPS" "$OUT" \
  "$AT/tmp/augmentation_cookbook.yaml" "$AT/tmp/augmentation_batch.yaml"
uv run python "$AT/app/modules/cli.py" --config "$AT/tmp/augmentation_batch.yaml"

images=0
if [[ "$LAYOUT" == cells ]]; then
  if [[ -d "$OUT/crop" ]]; then
    images="$(find "$OUT/crop" -mindepth 3 -type f \( -name '*.png' -o -name '*.jpg' \) | wc -l)"
  fi
else
  images="$(find "$OUT" -mindepth 3 -type f -path '*/rgb/*' \( -name '*.png' -o -name '*.jpg' \) | wc -l)"
fi
if ((images == 0)); then
  echo "ERROR: 0 image-edit images emitted"
  exit 1
fi
if [[ "$LAYOUT" == cells ]]; then
  cells="$(find "$OUT/crop" -mindepth 2 -maxdepth 2 -type d | wc -l)"
  echo "image-edit complete: $images images across $cells material/cell dir(s)"
else
  echo "image-edit complete: $images images at $OUT/<mode>/rgb/"
fi
