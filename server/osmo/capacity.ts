import { Refusal } from "../errors.ts";
import type { OsmoClient } from "../exec/osmo/client.ts";
import type { ResourceAnswer } from "../exec/osmo/shapes.ts";
import { activeTasks, type FlowTask, type KnobValues } from "./flow.ts";
import type { SubmitPlan } from "./plan.ts";
import { isInCluster } from "./preferences.ts";

type Need = { readonly gpu: number; readonly cpu: number; readonly memory: number; readonly storage: number };
const kinds = ["gpu", "cpu", "memory", "storage"] as const;

/**
 * What OSMO checks only once a workflow is submitted, and then leaves a FAILED_SUBMISSION behind: the pool is online,
 * has the platform, and some node of it holds each pod.
 *
 * @throws Refusal `osmo.no-pool`, `osmo.no-capacity`.
 */
export async function checkPool(client: OsmoClient, plan: SubmitPlan): Promise<string> {
  const { flow, values } = plan.settled;
  const platform = values.platform ?? "default";
  const [{ node_sets }, resources] = await Promise.all([client.pool(plan.pool), nodesOf(client, plan.pool)]);
  const pools = node_sets.flatMap((set) => set.pools);
  const pool = pools.find(({ name }) => name === plan.pool);
  if (pool === undefined) {
    const known = pools.map(({ name }) => name);
    throw new Refusal("osmo.no-pool", `OSMO lists no pool ${plan.pool}.`, { pool: plan.pool, accessible: known });
  }
  const facts = { pool: plan.pool, status: pool.status };
  if (pool.status !== "ONLINE") throw new Refusal("osmo.no-capacity", `Pool ${plan.pool} is ${pool.status}.`, facts);
  const endpoint = flow.knobs.image_edit_endpoint ? (values.image_edit_endpoint ?? "") : "";
  if (isInCluster(endpoint) && pool.resource_usage.total_capacity < 2) throw noRoom(plan, pool);
  if (resources === undefined) return `${plan.pool} is online; its nodes may not be read with this login`;
  const nodes = resources.filter((node) => node.exposed_fields["pool/platform"].includes(`${plan.pool}/${platform}`));
  if (nodes.length === 0) throw noPlatform(resources, plan.pool, platform);
  for (const task of activeTasks(flow, values)) {
    const need = needOf(task, values);
    const offers = nodes.map((node) => offerOf(node, plan.pool, platform));
    if (offers.some((offer) => kinds.every((kind) => need[kind] <= offer[kind]))) continue;
    const most = Object.fromEntries(kinds.map((kind) => [kind, Math.max(...offers.map((offer) => offer[kind]))]));
    throw new Refusal("osmo.no-capacity", `No node of ${plan.pool}/${platform} holds the pod ${task.task}.`, {
      ...facts,
      platform,
      task: task.task,
      asked: need,
      nodes_hold_at_most: most,
      unit: "memory and storage in GiB",
      knobs: kinds.map((kind) => knobOf(task, kind)).filter((knob) => flow.knobs[knob]),
    });
  }
  return `${plan.pool} is online; a node of platform ${platform} holds every pod`;
}

/** The nodes of a pool; undefined where the user's role may not read them, which forbids no submit. */
async function nodesOf(client: OsmoClient, pool: string): Promise<ResourceAnswer["resources"] | undefined> {
  try {
    return (await client.resources(pool)).resources;
  } catch (error) {
    if (error instanceof Refusal && error.code === "osmo.forbidden") return undefined;
    throw error;
  }
}

function noPlatform(resources: ResourceAnswer["resources"], pool: string, platform: string): Refusal {
  const all = resources.flatMap((node) => node.exposed_fields["pool/platform"]);
  const platforms = [
    ...new Set(all.filter((each) => each.startsWith(`${pool}/`)).map((each) => each.slice(pool.length + 1))),
  ];
  const message = `Pool ${pool} has no platform ${platform}.`;
  return new Refusal("osmo.no-pool", message, { argument: "knobs.platform", pool, platform, platforms });
}

/** The in-cluster image-edit service takes one GPU itself, so the pool must have another. */
function noRoom({ pool }: SubmitPlan, found: { resource_usage: { total_capacity: number } }): Refusal {
  return new Refusal("osmo.no-capacity", `Pool ${pool} cannot host the image-edit service and the flow together.`, {
    pool,
    total_capacity: found.resource_usage.total_capacity,
    needed: 2,
    or: "knobs.image_edit_endpoint with the URL of a service elsewhere",
  });
}

/** The knob that sizes a pod: those of setup pods are cpu, memory, storage, or the same with _large. */
function knobOf({ sized_by: by }: FlowTask, kind: string): string {
  if (by === "cpu") return kind;
  return by === "cpu_large" ? `${kind}_large` : `${by}_${kind}`;
}

function needOf(task: FlowTask, values: KnobValues): Need {
  const knob = (kind: string) => values[knobOf(task, kind)];
  return {
    gpu: Number(knob("gpu") ?? 0),
    cpu: Number(knob("cpu") ?? 0),
    memory: gib(knob("memory")) ?? 0,
    storage: gib(knob("storage")) ?? 0,
  };
}

/** What a node lets a workflow ask for; a quantity that is not told is no limit. */
function offerOf(node: ResourceAnswer["resources"][number], pool: string, platform: string): Need {
  const told =
    node.platform_workflow_allocatable_fields?.[pool]?.[platform] ??
    node.platform_allocatable_fields?.[pool]?.[platform] ??
    node.allocatable_fields ??
    {};
  const count = (value: string | number | null | undefined, none: number) => (value == null ? none : Number(value));
  return {
    gpu: count(told.gpu, 0),
    cpu: count(told.cpu, Number.POSITIVE_INFINITY),
    memory: gib(told.memory) ?? Number.POSITIVE_INFINITY,
    storage: gib(told.storage) ?? Number.POSITIVE_INFINITY,
  };
}

const powers: Readonly<Record<string, number>> = { T: 10, G: 0, M: -10, K: -20, B: -30, "": -30 };

/** GiB of a quantity in OSMO's units, where G and Gi are the same and a bare number is bytes. */
function gib(quantity: string | number | null | undefined): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([TGMKB]?)(?:i|iB)?$/.exec(String(quantity ?? "")) ?? [];
  const power = powers[unit ?? "?"];
  return amount === undefined || power === undefined ? undefined : Number(amount) * 2 ** power;
}
