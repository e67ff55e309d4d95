import { programEnv } from "./program-env.ts";

export type Gpu = { readonly name: string; readonly memory_mib: number; readonly used_mib: number };

export const gpuQuery = ["--query-gpu=name,memory.total,memory.used", "--format=csv,noheader,nounits"];

/** GPUs of this host as `nvidia-smi` lists them; undefined when there is no such command or it fails. */
export async function listGpus(env: NodeJS.ProcessEnv): Promise<Gpu[] | undefined> {
  const { execa } = await import("execa");
  const ended = await execa("nvidia-smi", gpuQuery, {
    reject: false,
    stdin: "ignore",
    timeout: 20_000,
    env: programEnv(env),
    extendEnv: false,
  });
  if (ended.exitCode !== 0) return undefined;
  return gpusIn(String(ended.stdout));
}

/** What nvidia-smi printed when it was asked `gpuQuery`. */
export function gpusIn(text: string): Gpu[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [name = "", memory = "", used = ""] = line.split(",").map((cell) => cell.trim());
      return { name, memory_mib: Number(memory), used_mib: Number(used) };
    });
}
