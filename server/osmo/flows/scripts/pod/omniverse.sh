# shellcheck shell=bash
# Blocks of the tasks that render with Omniverse Kit; sourced by them. AT is empty in a pod: tests put a folder there.
AT="${DIG_PREFIX:-}"
KIT=("$AT/isaac-sim/kit/kit" "$AT/isaac-sim/apps/isaacsim.exp.base.kit" --no-window --exec)
# Read by the scripts that source this file.
# shellcheck disable=SC2034
SIM_SCRIPTS="$AT/workspace/paidf-simulation/scripts"

# The OptiX denoiser data and a large /dev/shm are what a pod template must give to Kit.
require_omniverse() {
  if [[ ! -f "$AT/usr/share/nvidia/nvoptix.bin" ]]; then
    echo "ERROR: /usr/share/nvidia/nvoptix.bin not mounted; Kit OptiX silently falls back to raw path tracing (noisy output)."
    echo "  Add a hostPath volume nvoptix with that path, and its mount, to default_user of the OSMO pod template."
    exit 1
  fi
  local gib
  gib="$(df -B1G /dev/shm | tail -n 1 | awk '{print $2}')"
  if ((gib < 16)); then
    echo "ERROR: /dev/shm is ${gib}GiB; need >= 16 GiB (32 preferred) for Kit ray-tracer buffers."
    exit 1
  fi
}

require_yq() {
  if [[ ! -x "$AT/tmp/yq" ]]; then
    curl -fsSL https://github.com/mikefarah/yq/releases/download/v4.44.3/yq_linux_amd64 -o "$AT/tmp/yq"
    chmod +x "$AT/tmp/yq"
  fi
  export PATH="$AT/tmp:$PATH"
}

# find_scene ROOT FILE: sets SCENE to the first file of that name below ROOT.
find_scene() {
  SCENE="$(find -L "$1" -type f -name "$2" | sort | sed -n 1p)"
  if [[ -z "$SCENE" ]]; then
    echo "ERROR: scene_filename=$2 not found under $1"
    exit 1
  fi
  export SCENE
}

# patch_target FROM TO: writes the board's prim paths with the scene that was found.
patch_target() {
  cp "$1" "$2"
  yq -i '.scene = strenv(SCENE)' "$2"
}

# run_kit SCRIPT ARGUMENTS: Kit takes script and arguments as one value of --exec.
run_kit() {
  "${KIT[@]}" "$*"
}

# count_files DIR FIND-ARGUMENTS: how many files match; an absent directory has none.
count_files() {
  local dir="$1"
  shift
  if [[ -d "$dir" ]]; then find -L "$dir" "$@" | wc -l; else echo 0; fi
}
