#!/usr/bin/env bash
# pick_best_step.sh CHECKPOINT_ROOT FALLBACK_STEP: prints the checkpoint step that inference loads, nothing else.
# Validated run: the step with the highest average nn_score that has weights. Trained, never validated: the latest.
# Shipped checkpoint: the fallback.
set -euo pipefail
root="${1:?usage: pick_best_step.sh <ckpt_root> <fallback_step>}"
fallback="${2:?usage: pick_best_step.sh <ckpt_root> <fallback_step>}"
say() { echo "[pick_best_step] $*" >&2; }

first_valid() {
  local dir
  while IFS= read -r dir; do
    if compgen -G "$dir/*/valid_kpi.csv" >/dev/null; then
      echo "$dir"
      return
    fi
  done < <(find -L "$root" -maxdepth 8 -type d -name valid | sort)
}

valid="$(first_valid)"
model="$(find -L "$root" -type d -path '*/checkpoints/model' | sort | sed -n 1p)"
if [[ -n "$valid" ]]; then
  scores=""
  for csv in "$valid"/*/valid_kpi.csv; do
    step="$(basename "$(dirname "$csv")")"
    [[ "$step" =~ ^[0-9]+$ ]] || continue
    # Step 0 is the score before any training.
    ((10#$step > 0)) || continue
    if [[ -n "$model" && ! -f "$model/iter_$(printf '%09d' "$((10#$step))").pt" ]]; then continue; fi
    score="$(awk -F, '$1 == "nn_score" {print $NF; exit}' "$csv" | tr -d '[:space:]')"
    [[ -n "$score" ]] || continue
    scores="$scores$score $step"$'\n'
  done
  best="$(printf '%s' "$scores" | sort -k1,1gr -k1,1r -k2,2r | sed -n 1p)"
  if [[ -n "$best" ]]; then
    say "best=${best##* } (peak avg nn_score among validated steps with saved iter_*.pt in ${model:-$root})"
    echo "${best##* }"
    exit 0
  fi
  say "WARN: no validated step has both an nn_score and a matching saved iter_*.pt under ${model:-$root} (check cookbook validation_iter % save_iter == 0) — trying trainer-output fallback"
fi
latest="$(find -L "$root" -path '*/checkpoints/model/iter_*.pt' | sed -E 's/.*iter_0*([0-9]+)\.pt$/\1/' | sort -n | tail -n 1)"
if [[ -n "$latest" ]]; then
  say "no valid_kpi.csv tree but trainer output present — using latest trained iter=$latest (no per-step KPIs; check cookbook validation_iter vs max_iter)"
  echo "$latest"
  exit 0
fi
echo "$fallback"
