import { join } from "node:path";
import { z } from "zod";
import { runPaths } from "../run/paths.ts";
import type { RunConfig } from "../run/state.ts";
import { readObject } from "./lenient.ts";
import type { ReportModel } from "./model.ts";

/** What the container platform noted when it resolved the run's images, as far as the report shows it. */
const imageSchema = z.object({ uri: z.string(), id: z.string().optional(), digest: z.string().optional() });

/** The programs behind the figures: container images with their digests, or the engine that stood in for them. */
export async function imagesUsed(runDir: string, config: Partial<RunConfig>): Promise<ReportModel["images"]> {
  const { images } = await readObject(join(runPaths(runDir).jobs, "readiness.json"));
  const resolved = z.record(z.string(), imageSchema).safeParse(images);
  if (resolved.success && Object.keys(resolved.data).length > 0) {
    return Object.entries(resolved.data).map(([name, { uri, digest, id }]) => {
      return { name, reference: [uri, digest ?? id].filter((part) => part !== undefined).join(" ") };
    });
  }
  const named = [
    { name: "train, inference, evaluate", reference: config.train_container },
    { name: "anomalygen", reference: config.anomalygen?.container },
  ];
  return named.flatMap(({ name, reference }) => (reference === undefined ? [] : [{ name, reference }]));
}
