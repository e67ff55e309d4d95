import { randomBytes } from "node:crypto";
import { basename, join } from "node:path";
import { ensureKeeper } from "../../durable/keeper.ts";
import { jobStem, readExit, workFiles } from "../../durable/work.ts";
import { type Facts, Refusal } from "../../errors.ts";
import { setAside } from "../../fs/aside.ts";
import { makeDirectory, writeAtomic } from "../../fs/atomic.ts";
import { createNew } from "../../fs/compare-and-set.ts";
import { readAs, readAsIfPresent } from "../../fs/json.ts";
import { fileFacts, listNames, readTail, readTextIfPresent } from "../../fs/read.ts";
import type { Readiness } from "../../ports/executor.ts";
import { defined } from "../../run/defined.ts";
import { type JobExit, type JobRecord, type JobSpec, jobRecordSchema } from "../../run/job.ts";
import { runPaths } from "../../run/paths.ts";
import { readRunSettings } from "../run-settings.ts";
import { readTask } from "./record.ts";
import { type SlurmSettings, slurmSettingsSchema } from "./settings.ts";

const probeId = "probe";
const probeLimitSec = 300;
/** File times may be rounded to whole seconds. */
const skewMs = 2000;

/** Looks at a node as a job sees it: its name and clock, what lies on the shared path, programs, GPUs. */
const probeText = `echo "node=$(uname -n)"
echo "time=$(date +%s)"
echo "nonce=$(cat "$1")"
shift
for program; do
  if command -v "$program" >/dev/null 2>&1; then echo "has=$program"; else echo "lacks=$program"; fi
done
echo "gpus=\${SLURM_GPUS_ON_NODE:-0}"
nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | sed 's/^/gpu=/'
exit 0`;

/**
 * Where the probe of a run stands: one short job with the resources and the place of all others. It proves that a node
 * sees the run directory and this host what a node writes, that file times fit, and that the programs and GPUs are there.
 *
 * @throws Refusal `executor.not-ready` or `executor.mount-missing` of what it found; the next call probes again.
 */
export async function makeReady(runDir: string, options: { main: string; env: NodeJS.ProcessEnv }): Promise<Readiness> {
  const stem = jobStem(runDir, probeId);
  const record = (await readAsIfPresent(workFiles(stem).record, jobRecordSchema)) ?? (await begin(runDir, options));
  const exit = await readExit(stem);
  if (exit === undefined) {
    await ensureKeeper({ kind: "slurm", stem, ...options });
    const task = await readTask(stem);
    const said = task === undefined ? "submitting" : `job ${task.job_id ?? task.name}, ${task.status ?? "submitted"}`;
    return { state: "working", message: `probing a SLURM node: ${said}`, cleared: [] };
  }
  const { settings } = await readRunSettings(runDir, slurmSettingsSchema);
  const found = await judged(stem, record.spec, exit, settings, Date.parse(record.created_at));
  if (typeof found === "string") return { state: "ready", cleared: [found] };
  await putAside(runDir);
  throw found;
}

async function begin(runDir: string, { main }: { main: string }): Promise<JobRecord> {
  const { settings } = await readRunSettings(runDir, slurmSettingsSchema);
  const workdir = join(runPaths(runDir).jobs, probeId);
  const chance = randomBytes(6).toString("hex");
  const nonce = join(workdir, `nonce-${chance}`);
  await makeDirectory(workdir);
  await writeAtomic(nonce, chance);
  const programs = settings.program === "engine" ? [process.execPath, main] : ["visual_changenet"];
  const spec: JobSpec = {
    id: probeId,
    image: "tao_pyt",
    argv: ["sh", "-c", probeText, probeId, nonce, ...programs],
    mounts: [{ source: runDir, target: runDir, readonly: false }],
    env: {},
    env_names: [],
    workdir,
    gpus: "all",
    ipc_host: false,
    user: "host",
    log_path: join(workdir, "probe.log"),
    time_limit_sec: probeLimitSec,
  };
  const record: JobRecord = { spec, platform: "slurm", created_at: new Date().toISOString() };
  // Another server may have been first; then the probe is its one.
  const path = workFiles(jobStem(runDir, probeId)).record;
  await createNew(path, JSON.stringify(record));
  return await readAs(path, jobRecordSchema);
}

/** What the probe cleared, in a line; or the refusal of what is not as it must be. */
async function judged(
  stem: string,
  spec: JobSpec,
  exit: JobExit,
  settings: SlurmSettings,
  beganMs: number,
): Promise<string | Refusal> {
  const said = factsIn((await readTextIfPresent(spec.log_path)) ?? "");
  const [node = "the node"] = said("node");
  const facts: Facts = { node, ...(await failureFacts(stem, exit)) };
  if (exit.outcome !== "lost" && exit.outcome !== "exited") {
    return new Refusal("executor.not-ready", `The probe job ended as ${exit.outcome}.`, facts);
  }
  if (exit.outcome === "lost" || exit.exit_code !== 0 || said("nonce")[0] !== basename(spec.argv[4] ?? "").slice(6)) {
    const message = "The probe job left no word in the run directory: the nodes must see it at the same path.";
    return new Refusal("executor.mount-missing", message, facts);
  }
  const { mtime_ms = 0 } = (await fileFacts(spec.log_path)) ?? {};
  const offMs = Math.max(beganMs - mtime_ms, mtime_ms - Date.now());
  if (offMs > skewMs) {
    const message = `What ${node} writes carries times of another clock than this host's; evidence is judged by them.`;
    return new Refusal("executor.not-ready", message, { ...facts, clocks_differ_by_sec: Math.ceil(offMs / 1000) });
  }
  const lacks = said("lacks");
  if (lacks.length > 0) {
    const place = settings.container ?? settings.venv ?? settings.modules ?? "this installation";
    return new Refusal("executor.not-ready", `${node} cannot start ${lacks.join(", ")} of ${place}.`, facts);
  }
  const gpus = said("gpu");
  return `shared path, clock and programs proved on ${node}${gpus.length === 0 ? "" : ` with ${gpus.join("; ")}`}`;
}

/** The values that the probe printed under a key. */
function factsIn(log: string): (key: string) => string[] {
  const lines = log.split("\n");
  return (key) => lines.flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
}

/** What is known of a probe that failed: its end, and what SLURM's own programs printed on the node. */
async function failureFacts(stem: string, { outcome, exit_code, detail }: JobExit): Promise<Facts> {
  if (exit_code === 0) return {};
  const printed = await readTail(`${stem}.slurm.log`, 400).catch(() => "");
  return {
    job_id: (await readTask(stem))?.job_id,
    outcome,
    ...defined({ exit_code, detail }),
    printed: printed.trim(),
  };
}

/** The next probe tells its own story. */
async function putAside(runDir: string): Promise<void> {
  const { jobs } = runPaths(runDir);
  const own = new RegExp(`^${probeId}(?:\\.(?!.*attempt).*)?$`);
  const names = (await listNames(jobs)).filter((name) => own.test(name));
  // The record goes last: while it is there the rest is made anew by nobody.
  for (const name of names.toSorted((a, b) => Number(a.endsWith(".json")) - Number(b.endsWith(".json")))) {
    await setAside(join(jobs, name));
  }
}
