import { readAs } from "../../fs/json.ts";
import { runPaths } from "../../run/paths.ts";
import { type RunState, runStateSchema } from "../../run/state.ts";
import { jobCommand } from "../command.ts";
import { hostUser } from "../docker/argv.ts";
import type { JobWish } from "./manifest.ts";
import { type Cluster, clusterOf } from "./settings.ts";

/** What the approved plan says of the cluster; the environment of whoever asks later changes nothing. */
export async function runCluster(runDir: string): Promise<{ state: RunState; cluster: Cluster }> {
  const state = await readAs(runPaths(runDir).state, runStateSchema);
  return { state, cluster: clusterIn(state) };
}

/** The same of a state that was read. */
export function clusterIn(state: Pick<RunState, "config">): Cluster {
  return clusterOf((state.config.platform_settings ?? {}) as Record<string, unknown>, state.config.workspace);
}

/** What a job of the run is made of beside its record and its image. */
export function wishOf(
  runDir: string,
  stem: string,
  record: JobWish["record"],
  state: RunState,
): Omit<JobWish, "image"> {
  const cluster = clusterIn(state);
  const { spec } = record;
  const rehearsal = cluster.program === "engine";
  const gpus = rehearsal || spec.gpus === "none" ? 0 : Number(state.plan.parameters.num_gpus?.value ?? 1);
  const airgapped = state.plan.parameters.network_mode?.value === "airgap";
  const source = rehearsal
    ? { kind: "engine" as const, node: "node", main: cluster.engine_bin }
    : { kind: "image" as const };
  return { runDir, stem, record, cluster, ...jobCommand(spec, source, { airgapped, env: {} }), user: hostUser(), gpus };
}
