import { basename, relative } from "node:path";
import { Refusal } from "../../errors.ts";
import { isInside } from "../../fs/contained.ts";
import { canonicalJson, sha256 } from "../../fs/hash.ts";
import { defined } from "../../run/defined.ts";
import type { JobRecord, JobSpec } from "../../run/job.ts";
import { type HostUser, mountsOf } from "../docker/argv.ts";
import { taskIdentity } from "../osmo/record.ts";
import { shellArguments, shellJob } from "../shell-job.ts";
import type { Cluster } from "./settings.ts";

/** Everything that one Job is made of. */
export type JobWish = {
  readonly runDir: string;
  readonly stem: string;
  readonly record: Pick<JobRecord, "spec" | "created_at">;
  readonly cluster: Cluster;
  readonly image: string;
  /** The program as the image starts it, and its environment. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: HostUser;
  readonly gpus: number;
  /** How long the pod may wait for its place on top of its time limit; a week where nothing is said. */
  readonly pending_sec?: number;
};

/** Names by which the objects of a job are found again. */
export const labelNames = {
  managed: "app.kubernetes.io/managed-by",
  run: "deft-mcp/run",
  job: "deft-mcp/job",
} as const;
export const annotationNames = {
  digest: "deft-mcp/digest",
  run: "deft-mcp/run-directory",
  job: "deft-mcp/job-id",
} as const;

/** Until a pod that was asked to end is killed. */
const graceSec = 30;
/** What the cluster's own limits leave the job to say for itself that its time was over. */
const limitSlackSec = 120;
const usualPendingSec = 7 * 24 * 3600;

/**
 * What a Job is known by: the same in every process for the same record, different for any other. The API server takes a
 * name once, which is what keeps a job from being started twice.
 */
export function jobIdentity(runDir: string, record: JobWish["record"]) {
  const { stamp, workflow_name: name } = taskIdentity(runDir, record);
  const { spec, created_at } = record;
  return { name, stamp, digest: sha256(canonicalJson({ runDir, spec, created_at })).slice(0, 32) };
}

/** The run's own label: by it what is left over of a run is found. */
export function runLabel(runDir: string): string {
  return `${basename(runDir)
    .replace(/[^A-Za-z0-9._-]/g, "-")
    .slice(0, 40)}.${sha256(runDir).slice(0, 12)}`;
}

/**
 * The batch/v1 Job of one job: one pod, never a second try, never removed by the cluster, with the least power that it
 * needs and no secret.
 *
 * @throws Refusal `executor.mount-missing` for a path that lies outside the volume.
 */
export function jobManifest(wish: JobWish) {
  const { runDir, record, cluster, pending_sec = usualPendingSec } = wish;
  const { name, stamp, digest } = jobIdentity(runDir, record);
  const labels = { [labelNames.managed]: "deft-mcp", [labelNames.run]: runLabel(runDir), [labelNames.job]: stamp };
  const limit = record.spec.time_limit_sec;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name,
      labels,
      annotations: {
        [annotationNames.digest]: digest,
        [annotationNames.run]: runDir,
        [annotationNames.job]: record.spec.id,
      },
    },
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: 0,
      podReplacementPolicy: "Failed",
      ...(limit === undefined ? {} : { activeDeadlineSeconds: Math.ceil(limit) + limitSlackSec + pending_sec }),
      template: {
        metadata: { labels, annotations: { "cluster-autoscaler.kubernetes.io/safe-to-evict": "false" } },
        spec: podSpec(wish, limit === undefined ? undefined : Math.ceil(limit) + limitSlackSec, cluster),
      },
    },
  };
}

function podSpec(wish: JobWish, deadline: number | undefined, cluster: Cluster) {
  const { user, record, runDir, image } = wish;
  const { spec } = record;
  return {
    restartPolicy: "Never",
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: graceSec,
    ...defined({
      activeDeadlineSeconds: deadline,
      serviceAccountName: cluster.service_account,
      runtimeClassName: cluster.runtime_class,
      nodeSelector: cluster.node_selector,
      tolerations: cluster.tolerations,
      imagePullSecrets: cluster.pull_secrets?.map((name) => ({ name })),
    }),
    securityContext: podSecurity(spec, user),
    containers: [
      {
        name: "job",
        image,
        imagePullPolicy: "IfNotPresent",
        command: ["/bin/sh", "-c", literal(shellJob), "deft-job", ...programWords(wish)],
        env: environment(wish),
        workingDir: "/",
        resources: resources(wish),
        securityContext: containerSecurity(spec, user, cluster.read_only_root),
        volumeMounts: [
          ...volumeMounts(spec, runDir, cluster),
          { name: "tmp", mountPath: "/tmp" },
          { name: "shm", mountPath: "/dev/shm" },
        ],
      },
    ],
    volumes: [
      { name: "workspace", persistentVolumeClaim: { claimName: cluster.claim } },
      { name: "tmp", emptyDir: {} },
      { name: "shm", emptyDir: { medium: "Memory", ...defined({ sizeLimit: memorySize(spec.shm_size) }) } },
    ],
  };
}

/** Kubernetes replaces `$(NAME)` and `$$` in what it starts: every sign is doubled, which it takes back. */
export function literal(word: string): string {
  return word.replaceAll("$", "$$$$");
}

/** The pod's name is known to the pod alone. */
const podName = "DEFT_POD";

/**
 * A job that has to run as the image's root gives what it wrote to the server's user, as there is no second pod that could.
 * The text is constant, every value is positional.
 */
const givingBack = `owner=$1
shift
"$@"
code=$?
chown -R -h "$owner" . || echo 'its files still belong to root' >&2
exit "$code"
`;

function programWords({ stem, record: { spec }, argv, user }: JobWish): string[] {
  const back =
    spec.user === "root" && user.uid !== 0 ? ["/bin/sh", "-c", givingBack, "deft-own", `${user.uid}:${user.gid}`] : [];
  const [at = "", workdir = "", log = "", limit = "", , ...program] = shellArguments(stem, spec, "", [
    ...back,
    ...argv,
  ]);
  return [...[at, workdir, log, limit].map(literal), `$(${podName})`, ...program.map(literal)];
}

function environment({ env, record: { spec, ...record }, runDir }: JobWish) {
  const { name } = jobIdentity(runDir, { spec, ...record });
  const constants = { HOME: "/tmp", USER: "deft", LOGNAME: "deft", ...env };
  return [
    ...Object.entries(constants).map(([key, value]) => ({ name: key, value: literal(value) })),
    { name: podName, valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    ...spec.env_names.map((key) => ({ name: key, valueFrom: { secretKeyRef: { name, key, optional: true } } })),
  ];
}

/** `8g` as Docker takes it is `8Gi` here. */
function memorySize(size: string | undefined): string | undefined {
  return size?.replace(/^(\d+)([kmg])b?$/i, (_, count, unit) => `${count}${unit.toUpperCase()}i`);
}

function resources({ gpus, cluster: { gpu_resource, cpu, memory } }: JobWish) {
  const both = defined({ cpu, memory });
  const gpu = gpus === 0 ? {} : { [gpu_resource]: gpus };
  return { requests: { ...both, ...gpu }, limits: { ...defined({ memory }), ...gpu } };
}

/** A job of `host` writes as the server's user does, so that what it leaves is the server's. */
function podSecurity(spec: JobSpec, user: HostUser) {
  const seccompProfile = { type: "RuntimeDefault" };
  if (spec.user === "root") return { runAsUser: 0, runAsGroup: 0, seccompProfile };
  const groups = user.groups.filter((group) => group !== user.gid);
  return {
    runAsUser: user.uid,
    runAsGroup: user.gid,
    runAsNonRoot: user.uid !== 0,
    ...(groups.length > 0 ? { supplementalGroups: groups } : {}),
    seccompProfile,
  };
}

function containerSecurity(spec: JobSpec, user: HostUser, readOnlyRoot: boolean) {
  const rootsOwn = spec.user === "root" && user.uid !== 0 ? { add: ["CHOWN", "DAC_OVERRIDE", "FOWNER"] } : {};
  return {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"], ...rootsOwn },
    readOnlyRootFilesystem: readOnlyRoot,
  };
}

/** Files of this host by which programs look up their user; the variables above answer for them. */
const hostFiles = new Set(["/etc/passwd", "/etc/group"]);

function volumeMounts(spec: JobSpec, runDir: string, { volume_path: root }: Cluster) {
  return mountsOf({ spec, runDir })
    .filter(({ source }) => !hostFiles.has(source))
    .map(({ source, target, readonly }) => {
      if (!isInside(root, source)) {
        const facts = { job: spec.id, path: source, volume_path: root };
        throw new Refusal("executor.mount-missing", `${source} is not on the volume that the pods get.`, facts);
      }
      const subPath = relative(root, source);
      return { name: "workspace", mountPath: target, readOnly: readonly, ...(subPath === "" ? {} : { subPath }) };
    });
}

/** The values that a job gets by name, as an object of its own which goes to kubectl's stdin. */
export function secretManifest(wish: Pick<JobWish, "runDir" | "record">, values: Readonly<Record<string, string>>) {
  const { name, stamp } = jobIdentity(wish.runDir, wish.record);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name,
      labels: { [labelNames.managed]: "deft-mcp", [labelNames.run]: runLabel(wish.runDir), [labelNames.job]: stamp },
    },
    type: "Opaque",
    immutable: true,
    stringData: values,
  };
}
