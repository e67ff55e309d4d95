import type { Env } from "../run/env.ts";

/** Gated models whose licence the token's owner must have accepted. */
export const gatedModels = ["nvidia/Cosmos-AnomalyGen-PCB-2B", "nvidia/Cosmos-Predict2-2B-Text2Image"] as const;

export type ProbeResult = {
  readonly model: string;
  readonly result: "ok" | "refused" | "no-network";
  readonly detail: string;
};

/** Asks Hugging Face (HF_ENDPOINT) whether the token may read each gated model. */
export async function probeModels(env: Env, token: string): Promise<ProbeResult[]> {
  const base = env.HF_ENDPOINT || "https://huggingface.co";
  return Promise.all(
    gatedModels.map(async (model): Promise<ProbeResult> => {
      try {
        const answer = await fetch(`${base}/api/models/${model}`, {
          headers: { authorization: `Bearer ${token}` },
          signal: AbortSignal.timeout(10_000),
        });
        await answer.body?.cancel();
        const refused = answer.status === 401 || answer.status === 403;
        const result = answer.ok ? "ok" : refused ? "refused" : "no-network";
        return { model, result, detail: `HTTP ${answer.status}` };
      } catch {
        return { model, result: "no-network", detail: "no answer" };
      }
    }),
  );
}
