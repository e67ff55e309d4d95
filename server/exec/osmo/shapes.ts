import { z } from "zod";

const nullableText = z.string().nullish();

export const submitAnswer = z.object({
  name: z.string().min(1),
  overview: nullableText,
  warnings: z.array(z.string()).nullish(),
});

export const taskAnswer = z.object({
  name: z.string(),
  retry_id: z.number().default(0),
  status: z.string(),
  exit_code: z.number().nullish(),
  failure_message: nullableText,
  start_time: nullableText,
  error_logs: nullableText,
});

/** `workflow query`: tasks nest under groups; a rejected submission may have none. */
export const queryAnswer = z.object({
  name: z.string(),
  submitted_by: nullableText,
  cancelled_by: nullableText,
  status: z.string(),
  submit_time: nullableText,
  start_time: nullableText,
  end_time: nullableText,
  pool: nullableText,
  overview: nullableText,
  groups: z
    .array(
      z.object({ name: z.string(), status: z.string(), failure_message: nullableText, tasks: z.array(taskAnswer) }),
    )
    .default([]),
});
export type WorkflowAnswer = z.output<typeof queryAnswer>;

export const listAnswer = z.object({
  workflows: z.array(z.object({ name: z.string(), user: nullableText, status: z.string(), submit_time: nullableText })),
});

export const profileAnswer = z.object({
  profile: z.object({ username: nullableText, pool: nullableText }),
  roles: z.array(z.string()).default([]),
  pools: z.array(z.string()).default([]),
});
export type Profile = z.output<typeof profileAnswer>;

/** `pool list`: the six quota numbers are text. */
export const poolAnswer = z.object({
  node_sets: z.array(
    z.object({
      pools: z.array(
        z.object({
          name: z.string(),
          status: z.string(),
          default_platform: nullableText,
          resource_usage: z.object({ total_capacity: z.coerce.number(), quota_free: z.coerce.number().nullish() }),
        }),
      ),
    }),
  ),
});

const quantities = z.record(z.string(), z.union([z.string(), z.number()]).nullish());
/** Quantities by pool and platform. */
const byPlatform = z.record(z.string(), z.record(z.string(), quantities)).nullish();

/** `resource list`: the nodes of a pool with what a workflow may ask of each. */
export const resourceAnswer = z.object({
  resources: z.array(
    z.object({
      exposed_fields: z.looseObject({ "pool/platform": z.array(z.string()).default([]) }),
      allocatable_fields: quantities.nullish(),
      platform_allocatable_fields: byPlatform,
      platform_workflow_allocatable_fields: byPlatform,
    }),
  ),
});
export type ResourceAnswer = z.output<typeof resourceAnswer>;

export const credentialAnswer = z.object({
  credentials: z.array(z.object({ cred_name: z.string(), cred_type: z.string(), profile: nullableText })),
});
