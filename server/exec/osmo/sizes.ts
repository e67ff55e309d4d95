/** CPU and memory that go with a GPU count; beyond 8 GPUs a rank adds 48Gi, and 8 (train) or 4 (infer) CPUs. */
export function sizedFor(pod: "train" | "infer", gpus: number): { cpu: string; memory: string } {
  const [trainCpu, inferCpu, memory] = gpus <= 1 ? [16, 4, 64] : gpus <= 2 ? [16, 8, 96] : [32, 16, 192];
  if (gpus <= 4) return { cpu: String(pod === "train" ? trainCpu : inferCpu), memory: `${memory}Gi` };
  const beyond = Math.max(0, gpus - 8);
  const cpu = pod === "train" ? 64 + 8 * beyond : 32 + 4 * beyond;
  return { cpu: String(cpu), memory: `${384 + 48 * beyond}Gi` };
}
