/** Where the script and the mounted files lie in the pod; `/osmo` is the platform's own. */
export const podHome = "/tmp/deft";

/** What stands in a mounted file or an argument for a place that only the pod knows. */
export const podMarks = { data: "@DEFT_DATA@", output: "@DEFT_OUTPUT@", files: "@DEFT_FILES@" } as const;

/** The last file of the output: what the task wrote, so that a hole shows. */
export const manifestName = "deft-manifest.tsv";

/**
 * Runs one job in its pod. Values come as arguments and variables, never inside the text; the text holds no sign that
 * the template engine of OSMO would read.
 *
 * The manifest's first line carries the submit's stamp, the exit code, the time at which the program was started by the
 * pod's own clock, and the pod's places; one line a file follows: sha256, size, modification time, path.
 */
export const podScript = `#!/bin/bash
# usage: run.sh NAME LOG SHM_GIB PROGRAM [ARG]... with DEFT_STAMP, DEFT_OUTPUT and DEFT_INPUTS in the environment
set -uo pipefail
fail() {
  printf 'ERROR: %s\\n' "$1" >&2
  exit 1
}
name=$1 log=$2 shm=$3
shift 3
home=$(cd "$(dirname "$0")" && pwd)
data=$home/data
output=$DEFT_OUTPUT
if [ "$shm" -gt 0 ]; then
  have=$(df -BG --output=size /dev/shm | tail -n 1 | tr -dc 0-9)
  [ "\${have:-0}" -ge "$shm" ] || fail "/dev/shm is \${have:-0} GiB; need >= $shm GiB"
fi
mkdir -p "$data" "$output/$name" || fail "the output $output cannot be written"
for input in $DEFT_INPUTS; do
  [ -d "$input" ] || fail "input $input is not there"
  cp -a -s "$input/." "$data/" || fail "input $input cannot be placed"
done
for template in "$home"/files/*.in; do
  [ -e "$template" ] || continue
  sed -e "s|@DEFT_DATA@|$data|g" -e "s|@DEFT_OUTPUT@|$output|g" "$template" >"\${template%.in}" || fail "$template"
done
command=()
for word in "$@"; do
  word=\${word//@DEFT_DATA@/$data}
  word=\${word//@DEFT_OUTPUT@/$output}
  command+=("\${word//@DEFT_FILES@/$home/files}")
done
cd "$output/$name" || fail "$output/$name"
touch "$home/started"
"\${command[@]}" 2>&1 | tee "$log"
code=\${PIPESTATUS[0]}
cd "$output" || fail "$output"
find . -type l -delete
{
  printf 'deft\\t1\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' \\
    "$DEFT_STAMP" "$code" "$(stat -c %.9Y "$home/started")" "$data" "$output" "$home/files"
  find . -type f -printf '%P\\n' | LC_ALL=C sort | while IFS= read -r path; do
    sum=$(sha256sum <"$path") || exit 1
    printf '%s\\t%s\\t%s\\t%s\\n' "\${sum%% *}" "$(stat -c %s "$path")" "$(stat -c %.9Y "$path")" "$path"
  done
} >"$home/manifest" || fail "the manifest cannot be written"
cp "$home/manifest" "$output/${manifestName}" || fail "the manifest cannot be written"
exit "$code"
`;
