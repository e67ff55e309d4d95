import { z } from "zod";
import type { RefusalCode } from "../../errors.ts";
import { parseJson } from "../../fs/json.ts";
import type { ImageFacts, Inspection, PlatformFinding } from "../../ports/executor.ts";
import { defined } from "../../run/defined.ts";
import type { ImageKey } from "../../run/job.ts";
import type { SettingValues } from "../../run/platform-settings.ts";
import { chooseImages } from "../docker/images.ts";
import { type Kubectl, kubectlCli, type Place } from "./cli.ts";
import { kubeFailure, says } from "./errors.ts";
import { type Cluster, clusterOf } from "./settings.ts";

const halt = (id: string, title: string, code: RefusalCode, detail: string, fix: string): PlatformFinding => ({
  ...{ id, title, outcome: "halt", code, detail, fix },
});
const fine = (id: string, title: string, detail: string): PlatformFinding => ({ id, title, outcome: "ok", detail });

/** What a run needs of the cluster besides its settings. */
export type InspectionWish = { readonly workspace: string; readonly gpus: number };

/**
 * What a plan rests on in the cluster, one finding a question; nothing is made there. What only a pod can tell is probed
 * after approval.
 *
 * @throws Refusal `executor.unavailable`, `executor.cluster-unreachable`.
 */
export async function inspectCluster(
  env: NodeJS.ProcessEnv,
  settings: SettingValues,
  wish: InspectionWish,
): Promise<Inspection> {
  const place = await placeOf(env, settings);
  if ("outcome" in place) return { findings: [place], found: {} };
  const found = { context: place.context, namespace: place.namespace };
  const named = fine("cluster", "Cluster", `${place.server}, context ${place.context}, namespace ${place.namespace}`);
  if (settings.claim === undefined) {
    const fix = "Name the PersistentVolumeClaim that holds the workspace: --set claim=NAME.";
    const detail = "no claim is set";
    return { findings: [named, halt("volume", "Volume", "executor.mount-missing", detail, fix)], found };
  }
  const cluster = clusterOf({ ...settings, ...found }, wish.workspace);
  const kubectl = kubectlCli(env, place);
  const rights = await rightsFinding(kubectl, place.namespace);
  if (rights.outcome === "halt") return { findings: [named, rights], found };
  const findings = await Promise.all([
    volumeFinding(kubectl, cluster),
    quotaFinding(kubectl, cluster, wish.gpus),
    gpuFinding(kubectl, cluster, wish.gpus),
  ]);
  const images = cluster.program === "engine" ? undefined : await imagesFor(env, cluster);
  return { findings: [named, rights, ...findings, imageFinding(images, cluster)], found, ...defined({ images }) };
}

async function imagesFor(env: NodeJS.ProcessEnv, { image }: Cluster): Promise<Record<ImageKey, ImageFacts>> {
  const one = image === undefined ? undefined : { uri: image, source: "platform_settings.image" };
  return one === undefined ? await chooseImages(env) : { tao_pyt: one, tao_ds: one, anomalygen: one };
}

/** Whether a node gets the image only a node can tell: the probe asks one, and fixes the image by its digest. */
function imageFinding(images: Awaited<ReturnType<typeof imagesFor>> | undefined, { image }: Cluster): PlatformFinding {
  const about = ["image", "Images"] as const;
  if (images !== undefined) {
    const uris = [...new Set(Object.values(images).map(({ uri, source }) => `${uri} (${source})`))];
    return fine(...about, `${uris.join(", ")}; the probe pulls them after approval`);
  }
  if (image !== undefined) return fine(...about, `${image}; the probe pulls it after approval`);
  const fix = "Name an image that holds Node and deft-mcp: --set image=NAME.";
  return halt(...about, "executor.image-missing", "no image is set to rehearse with", fix);
}

const configSchema = z.looseObject({
  contexts: z.array(z.looseObject({ name: z.string(), context: z.looseObject({ namespace: z.string().optional() }) })),
  clusters: z.array(z.looseObject({ cluster: z.looseObject({ server: z.string().optional() }) })).nullish(),
});

/** The context and the namespace by name, so that a plan does not change with the kubeconfig. */
async function placeOf(
  env: NodeJS.ProcessEnv,
  settings: SettingValues,
): Promise<(Required<{ [K in keyof Place]: string }> & { server: string }) | PlatformFinding> {
  const context = settings.context === undefined ? undefined : String(settings.context);
  const answer = await kubectlCli(env, { context }).run(["config", "view", "--minify", "-o", "json"]);
  const fix = "Name a context of the kubeconfig (kubectl config get-contexts): --set context=NAME.";
  if (answer.code !== 0) {
    const { message, facts } = kubeFailure("kubectl config view", answer.stderr);
    const detail = `${message} ${String(facts.kubernetes)}`;
    return halt("cluster", "Cluster", "executor.cluster-refused", detail, fix);
  }
  const { contexts, clusters } = configSchema.parse(parseJson(answer.stdout));
  const [first] = contexts;
  if (first === undefined) {
    return halt("cluster", "Cluster", "executor.cluster-refused", "the kubeconfig names no context", fix);
  }
  const namespace = String(settings.namespace ?? first.context.namespace ?? "default");
  return { context: first.name, namespace, server: clusters?.[0]?.cluster.server ?? "unknown server" };
}

/** What the keeper of a job does; references/kubernetes-rbac.yaml grants exactly this and what the preflight reads. */
const needed: readonly (readonly [verb: string, resource: string, group?: string])[] = [
  ["create", "jobs", "batch"],
  ["get", "jobs", "batch"],
  ["list", "jobs", "batch"],
  ["delete", "jobs", "batch"],
  ["list", "pods"],
];

/** One line a review: whether it is allowed, then what was asked. */
const reviewLine =
  'jsonpath={.status.allowed} {.spec.resourceAttributes.verb} {.spec.resourceAttributes.resource}{"\\n"}';

/** Asks the cluster about each right, in one call; a review is answered and kept nowhere. */
async function rightsFinding(kubectl: Kubectl, namespace: string): Promise<PlatformFinding> {
  const items = needed.map(([verb, resource, group = ""]) => ({
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes: { verb, resource, group, namespace } },
  }));
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  const answer = await kubectl.run(["create", "-f", "-", "-o", reviewLine], { input });
  if (answer.code !== 0) throw kubeFailure("kubectl create selfsubjectaccessreviews", answer.stderr);
  const allowed = new Set(answer.stdout.split("\n").flatMap((line) => /^true (.+)$/.exec(line)?.[1] ?? []));
  const lacking = needed.map(([verb, resource]) => `${verb} ${resource}`).filter((right) => !allowed.has(right));
  if (lacking.length === 0) return fine("rights", "Rights", "may create, see and delete Jobs and see their pods");
  const fix = "Let an administrator of the namespace apply references/kubernetes-rbac.yaml.";
  const detail = `this user may not ${lacking.join(", ")} in namespace ${namespace}`;
  return halt("rights", "Rights", "executor.cluster-refused", detail, fix);
}

const claimSchema = z.looseObject({
  spec: z.looseObject({ accessModes: z.array(z.string()).nullish(), volumeName: z.string().optional() }),
  status: z.looseObject({ phase: z.string().optional() }).optional(),
});

async function volumeFinding(kubectl: Kubectl, { claim, volume_path }: Cluster): Promise<PlatformFinding> {
  const about = ["volume", "Volume"] as const;
  const answer = await kubectl.run(["get", "persistentvolumeclaim", claim, "-o", "json"]);
  if (answer.code !== 0 && says.absent(answer.stderr)) {
    const fix = "Make the claim, or name the one that holds the workspace: --set claim=NAME.";
    return halt(...about, "executor.mount-missing", `the namespace has no claim ${claim}`, fix);
  }
  if (answer.code !== 0) {
    return { ...fine(...about, `claim ${claim}`), warnings: [`Nobody looked at the claim: ${words(answer.stderr)}`] };
  }
  const { spec, status } = claimSchema.parse(parseJson(answer.stdout));
  const modes = spec.accessModes ?? [];
  const detail = `claim ${claim}, ${status?.phase ?? "of unknown phase"}, ${modes.join(" ")}, seen here as ${volume_path}`;
  if (status?.phase !== "Bound") {
    return halt(...about, "executor.mount-missing", detail, "Bind the claim to the volume that holds the workspace.");
  }
  if (!modes.some((mode) => mode !== "ReadOnlyMany")) {
    return halt(...about, "executor.mount-missing", detail, "Use a claim that pods may write to.");
  }
  const shared = modes.includes("ReadWriteMany");
  const warning = `Claim ${claim} is not ReadWriteMany: its pods have to run where this server sees the volume.`;
  return { ...fine(...about, detail), ...(shared ? {} : { warnings: [warning] }) };
}

const amounts = z.record(z.string(), z.string());
const quotasSchema = z.looseObject({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string() }),
      status: z.looseObject({ hard: amounts.optional(), used: amounts.optional() }).optional(),
    }),
  ),
});

/** A quota that can never hold a job halts; one that is used up for now is said aloud, since jobs wait for it. */
async function quotaFinding(kubectl: Kubectl, { gpu_resource }: Cluster, gpus: number): Promise<PlatformFinding> {
  const about = ["quota", "Quota"] as const;
  const answer = await kubectl.run(["get", "resourcequotas", "-o", "json"]);
  if (answer.code !== 0) {
    return { ...fine(...about, "not known"), warnings: [`Nobody looked at quotas: ${words(answer.stderr)}`] };
  }
  const needs: Readonly<Record<string, number>> = {
    pods: 1,
    "count/jobs.batch": 1,
    "count/pods": 1,
    [`requests.${gpu_resource}`]: gpus,
    [`limits.${gpu_resource}`]: gpus,
  };
  const tight = quotasSchema.parse(parseJson(answer.stdout)).items.flatMap(({ metadata: { name }, status }) =>
    Object.entries(needs).flatMap(([what, need]) => {
      const [hard, used] = [Number(status?.hard?.[what] ?? Number.NaN), Number(status?.used?.[what] ?? 0)];
      return hard - used < need ? [{ never: hard < need, text: `${name}: ${what} ${used} of ${hard} used` }] : [];
    }),
  );
  const never = tight.filter((one) => one.never).map(({ text }) => text);
  if (never.length > 0) {
    const fix = "Ask for a larger quota, or plan in another namespace.";
    return halt(...about, "executor.cluster-refused", never.join("; "), fix);
  }
  const warnings = tight.map(({ text }) => `Jobs wait until the quota has room: ${text}.`);
  return { ...fine(...about, tight.length === 0 ? "room for a job" : "used up for now"), ...defined({ warnings }) };
}

const nodesSchema = z.looseObject({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string(), labels: amounts.optional() }),
      spec: z.looseObject({ unschedulable: z.boolean().optional() }).optional(),
      status: z.looseObject({ allocatable: amounts.optional() }).optional(),
    }),
  ),
});

/** Whether any node could ever hold a job; who may not list nodes learns it from the probe. */
async function gpuFinding(kubectl: Kubectl, cluster: Cluster, gpus: number): Promise<PlatformFinding> {
  const about = ["gpus", "GPUs"] as const;
  const { gpu_resource, node_selector = {} } = cluster;
  if (gpus === 0) return { ...fine(...about, "the embedded engine works on the CPU"), outcome: "not_applicable" };
  const answer = await kubectl.run(["get", "nodes", "-o", "json"]);
  if (answer.code !== 0)
    return fine(...about, `${gpus} ${gpu_resource} a job; whether a node has them the probe tells`);
  const nodes = nodesSchema
    .parse(parseJson(answer.stdout))
    .items.filter(
      ({ metadata, spec }) =>
        spec?.unschedulable !== true &&
        Object.entries(node_selector).every(([key, value]) => metadata.labels?.[key] === value),
    );
  const most = Math.max(0, ...nodes.map(({ status }) => Number(status?.allocatable?.[gpu_resource] ?? 0)));
  const detail = `${gpus} ${gpu_resource} a job; of ${nodes.length} node(s) that the selector allows the largest has ${most}`;
  if (most >= gpus) return fine(...about, detail);
  const fix = "Plan with fewer GPUs, or correct gpu_resource and node_selector.";
  return halt(...about, "executor.gpu-unavailable", detail, fix);
}

/** The cluster's words without the frame of a refusal. */
function words(stderr: string): string {
  return String(kubeFailure("kubectl", stderr).facts.kubernetes);
}
