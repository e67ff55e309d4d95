import { z } from "zod";
import type { SettingsDeclaration } from "../../run/platform-settings.ts";

const whose = z.enum(["tao", "engine"], "takes tao or engine");

export const hostSettingsSchema = z.strictObject({
  /** The Python environment that holds TAO, as an absolute path. */
  venv: z.string().startsWith("/", "takes an absolute path").optional(),
  /** Whose programs run: TAO's, or the embedded engine in their place to rehearse the platform. */
  program: whose.default("tao"),
  /** GPUs that the jobs may use, as CUDA_VISIBLE_DEVICES takes them; all without it. */
  gpus: z
    .union([
      z.string().regex(/^[\w-]+(,[\w-]+)*$/, "takes numbers or names of GPUs, with commas"),
      z.number().int().min(0),
    ])
    .optional(),
  /** Who embeds the images for mining, and who finds neighbours under the rule `vendor`; as the environment has it. */
  embedding: whose.optional(),
  neighbors: whose.optional(),
});
export type HostSettings = z.infer<typeof hostSettingsSchema>;

export const hostSettings: SettingsDeclaration = { schema: hostSettingsSchema, variables: { venv: "DEFT_TAO_VENV" } };
