import { z } from "zod";
import { parseJson } from "../../fs/json.ts";

const condition = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
});
const metadata = z.looseObject({
  name: z.string(),
  uid: z.string(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  ownerReferences: z.array(z.looseObject({ uid: z.string() })).optional(),
});

const jobSchema = z.looseObject({
  kind: z.literal("Job"),
  metadata,
  status: z.looseObject({ conditions: z.array(condition).optional() }).optional(),
});
/** A batch/v1 Job, as much of it as is read. */
export type KubeJob = z.output<typeof jobSchema>;

const said = { reason: z.string().optional(), message: z.string().optional() };
const containerState = z.looseObject({
  waiting: z.looseObject(said).optional(),
  running: z.looseObject({ startedAt: z.string().nullish() }).optional(),
  terminated: z
    .looseObject({
      ...said,
      exitCode: z.number(),
      signal: z.number().optional(),
      startedAt: z.string().nullish(),
      finishedAt: z.string().nullish(),
    })
    .optional(),
});
const podSchema = z.looseObject({
  kind: z.literal("Pod"),
  metadata,
  spec: z.looseObject({ nodeName: z.string().optional() }).optional(),
  status: z
    .looseObject({
      ...said,
      phase: z.string().optional(),
      conditions: z.array(condition).optional(),
      containerStatuses: z
        .array(z.looseObject({ imageID: z.string().optional(), state: containerState.optional() }))
        .optional(),
    })
    .optional(),
});
/** A pod, as much of it as is read. */
export type KubePod = z.output<typeof podSchema>;

/** Which image the node of the first pod ran, by content; undefined until it has told. */
export function imageOf([pod]: readonly KubePod[]): string | undefined {
  return pod?.status?.containerStatuses?.[0]?.imageID || undefined;
}

/** A Job as the API server answers it to `create` or `get` with `-o json`. */
export function parseJob(text: string): KubeJob {
  return jobSchema.parse(parseJson(text));
}

const listSchema = z.looseObject({ items: z.array(z.looseObject({ kind: z.string() })) });

/** Jobs and pods of a mixed list. */
export function parseObjects(text: string): { jobs: KubeJob[]; pods: KubePod[] } {
  const { items } = listSchema.parse(parseJson(text));
  const of = (kind: string) => items.filter((item) => item.kind === kind);
  return { jobs: z.array(jobSchema).parse(of("Job")), pods: z.array(podSchema).parse(of("Pod")) };
}

/** Whether the condition is there and holds. */
export function holds(
  object: { status?: { conditions?: z.output<typeof condition>[] | undefined } | undefined },
  type: string,
) {
  return object.status?.conditions?.find((one) => one.type === type && one.status === "True");
}

/** Pods of the very Job, the oldest first. */
export function podsOf(pods: readonly KubePod[], jobUid: string): KubePod[] {
  const age = ({ metadata: { creationTimestamp = "" } }: KubePod) => creationTimestamp;
  return pods
    .filter(({ metadata: { ownerReferences = [] } }) => ownerReferences.some(({ uid }) => uid === jobUid))
    .sort((a, b) => (age(a) < age(b) ? -1 : age(a) > age(b) ? 1 : 0));
}
