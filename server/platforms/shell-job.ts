import { join } from "node:path";
import { z } from "zod";
import { recordEnd, workFiles } from "../durable/work.ts";
import { notedOutput, noteReported, scrubLog } from "../exec/job-output.ts";
import { readAsIfPresent } from "../fs/json.ts";
import { readTextIfPresent } from "../fs/read.ts";
import type { Env } from "../run/env.ts";
import { type JobExit, type JobSpec, jobExitSchema } from "../run/job.ts";

/**
 * Sees one job through on a machine that has a POSIX shell and the run directory, and nothing of ours: claims it, runs its
 * program in a process group of its own, holds it to its time limit, lists what it left with digests, and writes how it
 * ended, last. It ends with the program's exit code. The text is constant; every value is an argument:
 *
 * STEM WORKDIR LOG LIMIT_SEC WHO PROGRAM [ARGUMENT...], where a limit of 0 is none and WHO names the pod; a batch job of
 * SLURM is named by its id.
 *
 * A second one for the same stem ends at once with 0 and touches nothing. A disk that is full is tried again for ten
 * minutes.
 */
export const shellJob = `set -u
stem=$1 workdir=$2 log=$3 limit=$4 who=\${SLURM_JOB_ID:-$5}
shift 5
host=$(uname -n | tr -cd 'A-Za-z0-9._-')
own=$host.$$.tmp
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
publish() { # NAME COMMAND...: what the command prints becomes the file, whole or not at all
  to=$1 tries=0
  shift
  until "$@" 2>/dev/null >"$to.$own" && mv -f "$to.$own" "$to" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -ge 300 ]; then echo "deft-job: $to cannot be written" >&2; return 1; fi
    sleep 2
  done
}
begun=$(now)
claim() { printf '{"who":"%s","host":"%s","pid":%s,"started_at":"%s"}\\n' "$who" "$host" "$$" "$begun"; }
publish "$stem.mine.$own" claim || exit 74
# Where the answer to a link was lost on its way the claim is there and ours.
if ! ln "$stem.mine.$own" "$stem.begun" 2>/dev/null && ! cmp -s "$stem.mine.$own" "$stem.begun"; then
  rm -f "$stem.mine.$own"
  if [ -e "$stem.begun" ]; then echo "deft-job: taken by $(cat "$stem.begun")"; exit 0; fi
  echo "deft-job: $stem.begun cannot be made" >&2
  exit 74
fi
rm -f "$stem.mine.$own"

end() { # OUTCOME CODE SIGNAL DETAIL
  said() {
    printf '{"outcome":"%s","exit_code":%s,"signal":"%s","detail":"%s","asked":"%s",' "$1" "$2" "$3" "$4" "$asked"
    printf '"who":"%s","host":"%s","started_at":"%s","ended_at":"%s"}\\n' "$who" "$host" "$begun" "$(now)"
  }
  publish "$stem.ended" said "$@" || exit 74
  exit "$2"
}
digests() { find . -type f -exec sha256sum -- {} +; }

asked='' caught='' overdue='' pid='' watch=''
signal() { kill -s "$1" -- "-$pid" 2>/dev/null || kill -s "$1" "$pid" 2>/dev/null; }
asked_to() { asked=$1 caught=1; [ -z "$pid" ] || signal TERM; }
trap 'asked_to TERM' TERM
trap 'asked_to INT' INT
trap 'asked_to HUP' HUP
trap 'overdue=1 caught=1; signal TERM' USR1
[ ! -e "$stem.cancel" ] || end killed 143 SIGTERM 'before its program began'
cd "$workdir" 2>/dev/null || end exited 126 '' 'the working directory cannot be entered'
true 2>/dev/null >>"$log" || end exited 126 '' 'the log cannot be opened'

group=''
command -v setsid >/dev/null 2>&1 && group=setsid
$group "$@" >>"$log" 2>&1 </dev/null &
pid=$!
[ -z "$asked" ] || signal TERM
nap() { sleep "$1" & napping=$!; trap 'kill "$napping"; exit 0' TERM; wait "$napping"; }
if [ "$limit" -gt 0 ]; then
  ( nap "$limit"; kill -s USR1 $$; nap 20; signal KILL ) &
  watch=$!
fi
code=127
while :; do
  caught=''
  wait "$pid"
  got=$?
  [ "$got" -eq 127 ] || code=$got
  [ -n "$caught" ] || break
done
trap '' TERM INT HUP USR1
[ -z "$watch" ] || kill "$watch" 2>/dev/null
# Whatever the program left behind must not write any more.
kill -s KILL -- "-$pid" 2>/dev/null
if command -v sha256sum >/dev/null 2>&1; then publish "$stem.left" digests; fi

if [ -n "$overdue" ] && [ "$code" -ne 0 ]; then end timeout "$code" '' 'its time limit'; fi
if [ "$code" -gt 128 ] && name=$(kill -l $((code - 128)) 2>/dev/null); then end killed "$code" "SIG\${name#SIG}" ''; fi
end exited "$code" '' ''
`;

/** Files that the job itself writes beside its stem. */
export function shellFiles(stem: string) {
  return { claim: `${stem}.begun`, left: `${stem}.left`, ended: `${stem}.ended` };
}

/** The arguments of `shellJob`. `argv` is the program as the machine starts it. */
export function shellArguments(stem: string, spec: JobSpec, who: string, argv: readonly string[]): string[] {
  return [stem, spec.workdir, spec.log_path, String(Math.ceil(spec.time_limit_sec ?? 0)), who, ...argv];
}

const claimSchema = z.object({ who: z.string(), host: z.string(), started_at: z.string() });

/** Which batch job or pod works on it, and where; undefined before it began. */
export async function readShellClaim(stem: string): Promise<z.infer<typeof claimSchema> | undefined> {
  return await readAsIfPresent(shellFiles(stem).claim, claimSchema);
}

const text = z.string().transform((said) => (said === "" ? undefined : said));
const endedSchema = jobExitSchema.extend({
  signal: text,
  detail: text,
  /** A signal by which somebody asked the job to end; who that was the job cannot tell. */
  asked: text,
  who: z.string(),
  host: z.string(),
});
export type ShellEnd = z.infer<typeof endedSchema>;

/** What the job itself says of its end; undefined while it has not. */
export async function readShellEnd(stem: string): Promise<ShellEnd | undefined> {
  return await readAsIfPresent(shellFiles(stem).ended, endedSchema);
}

/**
 * Notes what such a job left, by the digests that it made of it where it ran, and then how it ended. Files that this host
 * does not see yet are waited for until `lateMs` have passed.
 *
 * @throws Refusal `input.write-failed`; done again it goes on where it was.
 */
export async function recordShellEnd(
  stem: string,
  exit: JobExit,
  spec: JobSpec,
  { env, lateMs }: { readonly env: Env; readonly lateMs: number },
): Promise<void> {
  const { record } = workFiles(stem);
  const listing = await readTextIfPresent(shellFiles(stem).left);
  if (listing !== undefined && (await notedOutput(record)) === undefined) {
    await noteReported(record, spec.workdir, digestsIn(listing, spec.workdir), lateMs);
  }
  await scrubLog(record, spec.log_path, env);
  await recordEnd(stem, exit, spec, env, listing === undefined ? { unwatched: true } : {});
}

/** sha256 of files by absolute path, as `sha256sum` prints them: a name with a newline or backslash is escaped. */
export function digestsIn(listing: string, workdir: string): ReadonlyMap<string, string> {
  const found = listing.split("\n").flatMap((line): [string, string][] => {
    const [, escaped, digest, name] = /^(\\?)([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
    if (digest === undefined || name === undefined) return [];
    const plain = escaped === "" ? name : name.replaceAll(/\\([\\nr])/g, (_, sign) => escapes[sign] ?? sign);
    return [[join(workdir, plain), digest]];
  });
  return new Map(found);
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r" };
