import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { excerpt, Refusal, type RefusalCode } from "../../errors.ts";
import { makeDirectory } from "../../fs/atomic.ts";
import { fileFacts, readTail, readTextIfPresent } from "../../fs/read.ts";
import { defined } from "../../run/defined.ts";
import { type ImageKey, imageKeys, type JobExit, type JobSpec } from "../../run/job.ts";
import { runPaths } from "../../run/paths.ts";
import type { RunState } from "../../run/state.ts";
import { bootstrapGenerator } from "../docker/bootstrap.ts";
import { provideDirectories, stageBackbone } from "../docker/fixes.ts";
import type { Fix, FixContext, Fixed, Ready } from "../docker/readiness.ts";
import { runOnCluster } from "./one-job.ts";
import { clusterIn } from "./run-settings.ts";
import type { Cluster } from "./settings.ts";
import { type JobPace, notStarted } from "./watch.ts";

/** What only a pod can tell comes before anything that trains; nothing is made on the cluster before a human approved. */
export const fixesAt = (pace: JobPace): readonly Fix[] => [
  { title: "probe of the cluster", run: (context) => probeImages(context, pace) },
  { title: "directories", run: provideDirectories },
  { title: "backbone", run: stageBackbone },
  {
    title: "generator assets",
    run: (context) => bootstrapGenerator(context, (_, spec) => bootstrap(context, spec, pace)),
  },
];

/** Exit codes of the probe. */
const unwritable = 71;
const withoutGpu = 72;
const withoutEngine = 73;

/** Text constant, values positional: ANSWER NONCE PROGRAM [BIN]. */
const probeText = `printf '%s\\n' "$2" >"$1" || exit ${unwritable}
case $3 in
cuda) python3 -c 'import torch; torch.zeros(1).cuda()' || exit ${withoutGpu} ;;
engine) node "$4" --version || exit ${withoutEngine} ;;
esac
`;
const probeLimitSec = 600;
/** How much older than its job a file may look; evidence is judged so. */
const clockSlackMs = 1000;

/** Runs one small pod an image: it can be had, sees this very workspace, may write there, and reaches a GPU. */
async function probeImages(context: FixContext, pace: JobPace): Promise<Fixed> {
  const cluster = clusterIn(context.state);
  const wanted = imagesOf(context.state, cluster);
  const images: Ready["images"] = {};
  const known = new Map<string, string>();
  for (const key of imageKeys) {
    const uri = wanted[key];
    if (uri === undefined) continue;
    const id = known.get(uri) ?? (await probe(context, key, uri, { cluster, pace }));
    known.set(uri, id);
    images[key] = { uri, id, ...defined({ digest: id.split("@")[1] }) };
  }
  return { blockers: [], images };
}

/** The images of the plan: one for all, or those that it lists. */
function imagesOf({ plan }: RunState, { image }: Cluster): Partial<Record<ImageKey, string>> {
  const listed = (plan.inputs.containers ?? {}) as Partial<Record<ImageKey, { uri?: string }>>;
  const of = (key: ImageKey) => image ?? listed[key]?.uri;
  return defined({ tao_pyt: of("tao_pyt"), tao_ds: of("tao_ds"), anomalygen: of("anomalygen") });
}

/** What the image is by content, as every job after it will name it. */
async function probe(
  context: FixContext,
  key: ImageKey,
  uri: string,
  { cluster, pace }: { cluster: Cluster; pace: JobPace },
): Promise<string> {
  const { runDir, state } = context;
  const nonce = randomBytes(8).toString("hex");
  const folder = join(runPaths(runDir).jobs, "probe");
  const answer = join(folder, `${key}-${nonce}`);
  await makeDirectory(folder);
  const began = Date.now();
  const program = cluster.program === "engine" ? ["engine", cluster.engine_bin] : [key === "tao_pyt" ? "cuda" : "none"];
  const spec: JobSpec = {
    id: `probe-${key}`,
    image: key,
    argv: ["/bin/sh", "-c", probeText, "probe", answer, nonce, ...program],
    mounts: [{ source: state.config.workspace, target: state.config.workspace, readonly: false }],
    env: {},
    env_names: [],
    workdir: folder,
    gpus: key === "tao_pyt" ? "all" : "none",
    ipc_host: false,
    user: "host",
    log_path: join(folder, `${key}.log`),
    time_limit_sec: probeLimitSec,
  };
  const { exit, object } = await runOnCluster(context, spec, { image: uri, argv: spec.argv, pace });
  if (exit.outcome !== "exited" || exit.exit_code !== 0) throw await refusalOf(exit, uri, spec, cluster);
  if (((await readTextIfPresent(answer)) ?? "").trim() !== nonce) throw notShared(cluster, runDir);
  const written = (await fileFacts(answer))?.mtime_ms ?? 0;
  if (written < began - clockSlackMs) {
    const behind_sec = Math.round((began - written) / 1000);
    throw new Refusal("executor.not-ready", "The clock of the volume is behind this server's.", { behind_sec });
  }
  return pinned(object?.image_id) ?? uri;
}

/** `docker-pullable://` was the prefix of an earlier runtime; an image that came from no registry has no digest to name. */
function pinned(imageId: string | undefined): string | undefined {
  const id = imageId?.replace(/^[a-z-]+:\/\//, "");
  return id !== undefined && /^[^@\s]+@sha256:[0-9a-f]{64}$/.test(id) ? id : undefined;
}

function notShared({ claim, volume_path }: Cluster, runDir: string): Refusal {
  const message = `What a pod wrote to the claim ${claim} is not seen here below ${volume_path}.`;
  return new Refusal("executor.mount-missing", message, { claim, volume_path, run: runDir });
}

const meanings: Readonly<Record<number, readonly [RefusalCode, string]>> = {
  [unwritable]: ["executor.mount-missing", "The pod may not write to the run directory."],
  [withoutGpu]: ["executor.gpu-unavailable", "The CUDA probe failed inside the training image."],
  [withoutEngine]: ["executor.bad-image", "The image does not hold the embedded engine."],
  [notStarted]: ["executor.image-missing", "The container could not be started."],
  126: ["executor.mount-missing", "The run directory is not to be entered in the pod."],
  127: ["executor.bad-image", "The image lacks a program."],
};

async function refusalOf(exit: JobExit, image: string, spec: JobSpec, cluster: Cluster): Promise<Refusal> {
  const end = (await readTail(spec.log_path, 2000))
    .trim()
    .split(/[\r\n]+/)
    .slice(-3);
  const facts = { image, ...exit, ...(end.join("") === "" ? {} : { end: end.map((line) => excerpt(line)) }) };
  if (exit.outcome === "lost" && exit.exit_code === undefined && /volume is not/.test(exit.detail ?? "")) {
    return notShared(cluster, spec.workdir);
  }
  const [code, message] = (exit.outcome === "exited" ? meanings[exit.exit_code ?? -1] : undefined) ?? [
    "executor.not-ready" as const,
    `The probe of the cluster ended as ${exit.outcome}.`,
  ];
  return new Refusal(code, message, facts);
}

/** Runs one of the generator's own downloads; they alone get the token, as a Secret for their time. */
async function bootstrap(context: FixContext, spec: JobSpec, pace: JobPace): Promise<void> {
  const image = context.ready.images[spec.image];
  if (image === undefined) throw new Refusal("executor.image-missing", `${spec.id} has no image.`, { job: spec.id });
  const { exit } = await runOnCluster(context, spec, { image: image.id, pace });
  if (exit.outcome === "exited" && exit.exit_code === 0) return;
  throw new Refusal("executor.not-ready", `${spec.id} ended as ${exit.outcome}.`, { job: spec.id, ...exit });
}
