#!/usr/bin/env bash
# Assembles the shared pretrained tree. Reads MODEL_SIZES, e.g. "2B" or "2B 14B".
set -euo pipefail
AT="${DIG_PREFIX:-}"
OUT="${OUTPUT_DIR:-/osmo/data/output}/pretrained"
REPO="$AT/workspace/paidf-anomalygen"
mkdir -p "$OUT"
cd "$REPO"

read -r -a sizes <<<"$MODEL_SIZES"
echo "[DOWNLOAD] scripts.download_checkpoints --model_sizes $MODEL_SIZES"
if ! python -m scripts.download_checkpoints --model_types text2image --model_sizes "${sizes[@]}" \
  >"$AT/tmp/dl_checkpoints.log" 2>&1; then
  echo "ERROR: download_checkpoints failed. Last 20 lines:"
  tail -n 20 "$AT/tmp/dl_checkpoints.log"
  exit 1
fi
echo "[DONE] Cosmos-Predict2"
echo "[COPY] container checkpoints -> $OUT"
for item in NVDINOV2 nvidia google-t5 facebook sam2 Qwen; do
  if [[ -d "$REPO/checkpoints/$item" ]]; then
    echo "  copying checkpoints/$item"
    cp -r "$REPO/checkpoints/$item" "$OUT/"
  else
    echo "  WARN: checkpoints/$item not found — skipping"
  fi
done
echo "[DONE] container checkpoints"
echo "[DOWNLOAD] nvidia/C-RADIOv3-B model.safetensors"
hf download nvidia/C-RADIOv3-B model.safetensors --local-dir "$OUT/nvidia/C-RADIO-V3"
echo "[DONE] C-RADIOv3-B"
count="$(find "$OUT" -type f | wc -l)"
echo "pretrained/ assembled: $count files, $(du -sb "$OUT" | cut -f1) bytes"
if ((count == 0)); then
  echo "ERROR: empty pretrained tree"
  exit 1
fi
echo "=== Output layout (top 40) ==="
find "$OUT" | sort | sed -n 1,40p
