import { z } from "zod";
import type { OsmoRun } from "../exec/osmo/cli.ts";
import { httpStatus, messageOf } from "../exec/osmo/cli-error.ts";
import { parseJson } from "../fs/json.ts";

/** The five outcomes of reading the cluster's pod template. */
export type TemplateVerdict = {
  readonly outcome: "verified" | "patch" | "ask" | "skip" | "env-fix";
  readonly problems: readonly string[];
};

export const optixPath = "/usr/share/nvidia/nvoptix.bin";
const leastShmGib = 16;

const templateSchema = z.object({
  default_user: z.object({
    spec: z.object({
      volumes: z
        .array(
          z.object({
            name: z.string(),
            hostPath: z.object({ path: z.string() }).optional(),
            emptyDir: z.object({ sizeLimit: z.string().optional() }).nullish(),
          }),
        )
        .default([]),
    }),
  }),
});

/** Judges `osmo config show POD_TEMPLATE`: 403 asks the human, 409 goes on with the in-pod check as the only guard. */
export function judgeTemplate(run: OsmoRun): TemplateVerdict {
  const status = httpStatus(run);
  const text = run.stdout;
  if (status === 403 || /"code": 403|Error code: 403/.test(text)) return { outcome: "ask", problems: [] };
  if (status === 409 || /"code": 409|Error code: 409/.test(text)) return { outcome: "skip", problems: [] };
  if (run.outcome !== "exited" || run.exit_code !== 0)
    return { outcome: "env-fix", problems: [messageOf(run) || run.outcome] };
  let template: unknown;
  try {
    template = parseJson(text);
  } catch {
    return { outcome: "env-fix", problems: ["The pod template is not JSON."] };
  }
  const parsed = templateSchema.safeParse(template);
  if (!parsed.success)
    return { outcome: "patch", problems: ["The pod template has no default_user.spec.volumes list."] };
  const { volumes } = parsed.data.default_user.spec;
  const optix = volumes.find((volume) => volume.name === "nvoptix")?.hostPath?.path;
  const shm = volumes.find((volume) => volume.name === "dshm")?.emptyDir?.sizeLimit;
  const problems = [
    ...(optix === optixPath ? [] : [`Volume nvoptix must be a hostPath of ${optixPath}; found ${optix ?? "none"}.`]),
    ...(gibOf(shm) >= leastShmGib
      ? []
      : [`Volume dshm needs a sizeLimit of 16Gi, better 32Gi; found ${shm ?? "none"}.`]),
  ];
  return problems.length === 0 ? { outcome: "verified", problems } : { outcome: "patch", problems };
}

function gibOf(size: string | undefined): number {
  const [, amount, unit] = /^(\d+)(Gi|GiB|Mi|MiB|Ti|TiB)$/.exec(size ?? "") ?? [];
  const factor = unit?.startsWith("M") ? 1 / 1024 : unit?.startsWith("T") ? 1024 : 1;
  return Number(amount ?? 0) * factor;
}
