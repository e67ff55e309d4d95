#!/usr/bin/env bash
# Downloads one model, dataset or asset tree. Reads ARTIFACT (what to say it is) and ACTION:
# model UC | dataset SCRIPT | glass-dataset | assets; a glass dataset also reads UC3_ZIP_DIR.
set -euo pipefail
AT="${DIG_PREFIX:-}"
OUT="${OUTPUT_DIR:-/osmo/data/output}"
REPO="$AT/workspace/paidf-anomalygen"
mkdir -p "$OUT"

# download_model UC: fetches the gated checkpoint and moves its files to the root of the output.
download_model() {
  local first dir
  echo "[HF] download_anomalygen_checkpoints.sh --uc $1 -> $OUT"
  cd "$REPO"
  bash scripts/utilities/download_anomalygen_checkpoints.sh --uc "$1" --checkpoint-dir "$OUT"
  first="$(find "$OUT" -mindepth 2 -maxdepth 3 -type f -name 'iter_*.pt' | sort | sed -n 1p)"
  if [[ -n "$first" ]]; then
    dir="$(dirname "$first")"
    echo "[FLATTEN] moving files from $dir -> $OUT"
    mv "$dir"/iter_*.pt "$OUT/"
    if [[ -f "$dir/ag_config.yaml" ]]; then mv "$dir/ag_config.yaml" "$OUT/"; fi
    if [[ "$(dirname "$dir")" == "$OUT" ]]; then rm -rf "$dir"; else rm -rf "$(dirname "$dir")"; fi
  fi
}

download_glass() {
  local zip="$AT/tmp/uc3_input.zip"
  if [[ -f "$UC3_ZIP_DIR/mobile_screen.zip" ]]; then cp "$UC3_ZIP_DIR/mobile_screen.zip" "$zip"; fi
  if [[ ! -f "$zip" ]]; then
    echo "ERROR: /tmp/uc3_input.zip not present — uc3_zip_url_root may be wrong or zip missing" >&2
    ls -la "$UC3_ZIP_DIR" >&2 || true
    exit 1
  fi
  echo "[UC3] prepare_dataset_uc3 --zip /tmp/uc3_input.zip --masks-from-hf -> $OUT"
  cd "$REPO"
  python3 -m scripts.utilities.prepare_dataset_uc3 "$OUT" --zip "$zip" --masks-from-hf
}

case "$ACTION" in
  model) download_model "$UC" ;;
  uc1 | uc2)
    echo "[${ACTION^^}] prepare_dataset_$ACTION -> $OUT"
    cd "$REPO"
    python3 -m "scripts.utilities.prepare_dataset_$ACTION" "$OUT"
    ;;
  glass) download_glass ;;
  assets)
    echo "[HF] nvidia/Spark-AnomalyGen-USD -> $OUT"
    hf download nvidia/Spark-AnomalyGen-USD --repo-type dataset --local-dir "$OUT"
    ;;
  *)
    echo "ERROR: unknown ACTION $ACTION" >&2
    exit 1
    ;;
esac
rm -rf "$OUT/.cache" "$OUT/.gitattributes"
count="$(find "$OUT" -type f | wc -l)"
if ((count == 0)); then
  echo "ERROR: 0 files in $OUT" >&2
  exit 1
fi
echo "[OK] $ARTIFACT: $count files, $(du -sb "$OUT" | cut -f1) bytes"
