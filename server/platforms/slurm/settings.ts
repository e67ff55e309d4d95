import { z } from "zod";
import type { SettingsDeclaration } from "../../run/platform-settings.ts";

/** A name that stands in one argument of a command and begins none of its options. */
const word = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,127}$/, "must be one word of letters, digits and _.:@+-");
const path = z
  .string()
  .regex(/^\/[^\s,:'"$`\\]*$/, "must be an absolute path without blanks, quotes, commas or colons");
const image = z
  .string()
  .regex(/^[^\s,'"$`\\-][^\s,'"$`\\]*$/, "must be an image reference or the path of a squashfs file");
const duration = z
  .string()
  .regex(/^(?:\d{1,5}|(?:\d{1,3}-)?\d{1,3}:\d\d(?::\d\d)?)$/, "must be minutes, HH:MM:SS or D-HH:MM:SS");

/** What a plan says of SLURM. Nothing of it is a secret. */
export const slurmSettingsSchema = z.strictObject({
  /** Whose programs: NVIDIA's, or the embedded engine as a rehearsal of the cluster. */
  program: z.enum(["tao", "engine"]).default("tao"),
  /** A login node for ssh; without it the commands are those of this host. */
  host: word.optional(),
  partition: word.optional(),
  account: word.optional(),
  qos: word.optional(),
  /** What a job with GPUs asks for; without it `gpu:N` of the plan's number. */
  gres: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_:.,]{0,127}$/, "must be like gpu:2 or gpu:h100:1")
    .optional(),
  /** Time limit of every job. */
  time: duration.default("1-00:00:00"),
  cpus: z.number().int().min(1).max(1024).optional(),
  memory: z
    .string()
    .regex(/^\d{1,7}[KMGT]?$/, "must be like 64G")
    .optional(),
  /** Where TAO is on the nodes: a Python environment, or one image a collection of programs (pyxis). */
  venv: path.optional(),
  container: image.optional(),
  container_ds: image.optional(),
  container_anomalygen: image.optional(),
  /** Environment modules that are loaded first, apart by commas. */
  modules: z
    .string()
    .regex(
      /^[A-Za-z0-9_][A-Za-z0-9_./+-]*(?:,[A-Za-z0-9_][A-Za-z0-9_./+-]*)*$/,
      "must be module names, apart by commas",
    )
    .optional(),
});
export type SlurmSettings = z.output<typeof slurmSettingsSchema>;

export const slurmSettings: SettingsDeclaration = { schema: slurmSettingsSchema };

/** Minutes of a limit as SLURM writes it; Infinity of `infinite` and of what it does not say. */
export function minutesOf(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  const [, days = "0", clock = ""] = /^(?:(\d+)-)?([\d:]+)$/.exec(text) ?? [];
  if (clock === "") return Number.POSITIVE_INFINITY;
  const parts = clock.split(":").map(Number);
  // HH:MM after days, MM:SS without, HH:MM:SS always.
  const [hours = 0, minutes = 0, seconds = 0] = parts.length === 3 || days !== "0" ? parts : [0, ...parts];
  return Number(days) * 1440 + hours * 60 + minutes + seconds / 60;
}
