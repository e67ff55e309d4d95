import { halt, ok } from "../findings.ts";
import type { Findings, Step } from "../survey.ts";
import { batchAdvice } from "./docker-gpus.ts";

/** A training of the smallest published backbone takes more than this. */
const leastFreeMib = 6000;

/** torch reaches as many GPUs as the plan wants, and each has memory left. */
export const hostCudaStep: Step = {
  id: "gpus",
  title: "GPUs",
  async look({ environment, settings, parameters }): Promise<Findings> {
    const { torch, cuda } = environment ?? {};
    if (torch === undefined || torch.error !== undefined) return {};
    if (torch.cuda === null || torch.cuda === undefined) {
      const fix = "Install a torch that is built for CUDA, from the index that pytorch.org names for your driver.";
      return { checks: [halt("executor.gpu-unavailable", `torch ${torch.version} is built for the CPU`, fix)] };
    }
    const { error, gpus = [] } = cuda ?? {};
    const shown = settings?.gpus === undefined ? "" : ` of CUDA_VISIBLE_DEVICES=${settings.gpus.value}`;
    if (error !== undefined || gpus.length === 0) {
      const detail = `torch ${torch.version} for CUDA ${torch.cuda} reaches no GPU${shown}${error ? `: ${error}` : ""}`;
      const fix = "See that nvidia-smi lists the GPU, that its driver is new enough for that CUDA, and setting gpus.";
      return { checks: [halt("executor.gpu-unavailable", detail, fix)] };
    }
    const detail = gpus.map(({ name, free_mib, memory_mib }) => `${name}, ${free_mib} of ${memory_mib} MiB free`);
    const wanted = Number(parameters.num_gpus?.value ?? 1);
    if (gpus.length < wanted) {
      const fix = `Plan with num_gpus=${gpus.length}.`;
      return { checks: [halt("executor.gpu-unavailable", `${detail.join("; ")}, and ${wanted} are wanted`, fix)] };
    }
    const full = gpus.slice(0, wanted).find(({ free_mib }) => free_mib < leastFreeMib);
    if (full !== undefined) {
      const fix = "End what holds the memory (nvidia-smi names it), or choose another GPU with setting gpus.";
      return { checks: [halt("executor.gpu-unavailable", `${full.name} has ${full.free_mib} MiB free`, fix)] };
    }
    const cards = gpus.map((gpu) => ({ ...gpu, used_mib: gpu.memory_mib - gpu.free_mib }));
    return ok(detail.join("; "), { warnings: batchAdvice(cards, Number(parameters.batch_size?.value ?? 0)) });
  },
};
