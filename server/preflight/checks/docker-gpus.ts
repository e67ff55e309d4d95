import { halt, notNeeded, ok } from "../findings.ts";
import type { Findings, Step, StepCheck } from "../survey.ts";

/** Largest batch that a GPU of this memory takes, C-RADIOv2-B at 224 x 224 (tao-stages 6.2). */
const batchByMemory: readonly (readonly [number, number])[] = [
  [48_000, 16],
  [24_000, 8],
];

/**
 * GPUs that the host lists, with advice on the batch size. Whether a container reaches them only the CUDA probe tells,
 * which is the first thing after approval.
 */
export const dockerGpusStep: Step = {
  id: "gpus",
  title: "GPUs",
  async look(survey): Promise<Findings> {
    const { host, containers } = survey;
    if (host === undefined || containers === undefined) return {};
    const engines = Object.values(containers).map((image) => image.engine);
    if (engines.every((engine) => engine !== undefined)) {
      return notNeeded(`${engines[0]} works on the CPU`);
    }
    const { gpus } = host;
    if (gpus === undefined || gpus.length === 0) return { checks: [none(host.daemon.nvidia)] };
    const detail = gpus.map(({ name, memory_mib }) => `${name} ${memory_mib} MiB`).join(", ");
    const wanted = Number(survey.parameters.num_gpus?.value ?? 1);
    if (gpus.length < wanted) {
      return { checks: [halt("executor.gpu-unavailable", detail, `Plan with num_gpus=${gpus.length}.`)] };
    }
    const warnings = batchAdvice(gpus, Number(survey.parameters.batch_size?.value ?? 0));
    if (host.daemon.nvidia) return ok(detail, { warnings });
    const fix = "probe CUDA in the training image; if that fails, install the NVIDIA container toolkit";
    return { checks: [{ outcome: "fixable", detail: `${detail}; Docker names no NVIDIA runtime`, fix }], warnings };
  },
};

function none(runtime: boolean): StepCheck {
  const detail = runtime
    ? "nvidia-smi lists no GPU on this host"
    : "nvidia-smi cannot be run and Docker has no NVIDIA runtime";
  const fix =
    "Install the NVIDIA driver (580 or later) and the container toolkit (1.19 or later), or use platform embedded.";
  return halt("executor.gpu-unavailable", detail, fix);
}

/** What is to be said of a batch on these cards, and of cards that others use. */
export function batchAdvice(
  gpus: readonly { readonly name: string; readonly memory_mib: number; readonly used_mib: number }[],
  batch: number,
): string[] {
  const warnings: string[] = [];
  for (const { name, memory_mib, used_mib } of gpus) {
    const most = batchByMemory.find(([memory]) => memory_mib >= memory * 0.95)?.[1] ?? 4;
    if (batch > most && memory_mib < 90_000) {
      warnings.push(`batch_size ${batch} may not fit ${name} (${memory_mib} MiB); ${most} is known to.`);
    }
    if (used_mib > memory_mib / 2) warnings.push(`${name} is busy: ${used_mib} of ${memory_mib} MiB are in use.`);
  }
  return warnings;
}
