import { z } from "zod";

const error = z.string().optional();

/** What a Python environment says of itself; a section is absent where the interpreter did not come to it. */
export const environmentFactsSchema = z.object({
  venv: z.string(),
  /** Why the interpreter did not come to its end. */
  broken: z
    .object({
      kind: z.enum(["no-folder", "no-interpreter", "no-start", "crashed"]),
      detail: z.string(),
      /** The section in or after which it crashed. */
      after: z.string().optional(),
    })
    .optional(),
  /** `ok`, `absent`, or what is wrong with it, by console script. */
  scripts: z.record(z.string(), z.string()),
  python: z.object({ version: z.string(), executable: z.string() }).optional(),
  packages: z
    .object({
      error,
      /** Releases of the two wheels. */
      tao: z.string().nullish(),
      data_services: z.string().nullish(),
      missing: z.array(z.string()).default([]),
      /** Whether what `tmm nearest_neighbors` is made of is there: cuDF and cuML. */
      neighbors: z.boolean().default(false),
    })
    .optional(),
  torch: z.object({ error, version: z.string().optional(), cuda: z.string().nullish() }).optional(),
  cuda: z
    .object({
      error,
      gpus: z.array(z.object({ name: z.string(), memory_mib: z.number(), free_mib: z.number() })).default([]),
    })
    .optional(),
  /** The compiled operator of the vision transformers; without a path the wheel has none. */
  operator: z.object({ error, path: z.string().nullish() }).optional(),
});
export type EnvironmentFacts = z.infer<typeof environmentFactsSchema>;
