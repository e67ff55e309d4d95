import { z } from "zod";
import { imageEditModel } from "./knob-table.ts";

export type EndpointHealth = { readonly state: "healthy" | "wrong-model" | "unreachable"; readonly detail: string };

const modelsSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Whether `<endpoint>/models` lists exactly the model that the flows need. */
export async function endpointHealth(endpoint: string): Promise<EndpointHealth> {
  try {
    const answer = await fetch(`${endpoint}/models`, { signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) {
      await answer.body?.cancel();
      return { state: "unreachable", detail: `HTTP ${answer.status}` };
    }
    const parsed = modelsSchema.safeParse(await answer.json());
    const models = parsed.success ? parsed.data.data.map(({ id }) => id) : [];
    if (models.includes(imageEditModel)) return { state: "healthy", detail: imageEditModel };
    return { state: "wrong-model", detail: models.slice(0, 5).join(", ") || "no model list" };
  } catch (error) {
    return { state: "unreachable", detail: error instanceof Error ? error.name : "no answer" };
  }
}
