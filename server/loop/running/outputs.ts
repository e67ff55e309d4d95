import { join } from "node:path";
import { realPathOf } from "../../fs/contained.ts";
import type { Evidence, GateFacts } from "../../ports/stage.ts";
import type { IterationLabel } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";

/** Where the files that a stage hands over really lie, links resolved, and where they may lie. */
export async function outputsOf(
  runDir: string,
  iteration: IterationLabel,
  evidence: Pick<Evidence, "patch" | "pins">,
): Promise<NonNullable<GateFacts["outputs"]>> {
  const real = await realPathOf(runDir);
  const paths = runPaths(real);
  const files: { path: string; real: string }[] = [];
  for (const path of namedPaths(evidence)) files.push({ path, real: await realPathOf(path) });
  return { allowed: [join(real, iteration), paths.miningHistory], files };
}

/** Pins and the absolute paths that the iteration's record will hold; an evaluator's own artifact may lie elsewhere. */
function namedPaths({ patch, pins }: Pick<Evidence, "patch" | "pins">): Set<string> {
  const values = Object.values(patch).flatMap((value) =>
    typeof value === "object" && value !== null ? Object.values(value) : [value],
  );
  const named = [...pins, ...values.filter((value) => typeof value === "string" && value.startsWith("/"))];
  const paths = new Set(named as string[]);
  if (patch.metric_result?.evidence_path !== undefined) paths.delete(patch.metric_result.evidence_path);
  return paths;
}
