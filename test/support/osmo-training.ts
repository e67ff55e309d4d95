import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import { trainingElsewhere } from "../../server/platforms/osmo/training-elsewhere.ts";
import type { Deps } from "../../server/ports/call.ts";
import { builtBin } from "./built-server.ts";
import { engineHere } from "./engine-here.ts";
import { runPod } from "./osmo-pod.ts";
import { OsmoService } from "./osmo-service.ts";
import { tinyRequest } from "./tiny-loop.ts";
import { toolClient } from "./tool-client.ts";

const request = { ...tinyRequest, max_iterations: 1 };

const bin = fileURLToPath(new URL("../fixtures/bin/osmo", import.meta.url));

/** A cluster on loopback and a run whose trainings go there; the programs of its pods are the embedded engine's. */
export type Training = {
  readonly service: OsmoService;
  readonly home: string;
  readonly store: string;
  readonly workspace: string;
  readonly runDir: string;
  readonly planSummary: string;
  readonly env: Record<string, string>;
  deps(env?: Record<string, string>): Deps;
  /** Puts workspace, run, state folder and store back to how they were when the run was created. */
  restore(): Promise<void>;
  /** Lets pods really run, with these programs in their image. */
  runPods(programs?: Record<string, string>): void;
  remove(): Promise<void>;
};

const engine = { visual_changenet: `exec "${process.execPath}" "${builtBin}" engine visual_changenet "$@"` };

/** Plans and approves a run on a tiny workspace with training sent to OSMO. */
export async function osmoTraining(): Promise<Training> {
  const home = await realpath(await mkdtemp(join(tmpdir(), "deft-osmo-")));
  const workspace = join(home, "boards");
  await generateWorkspace(workspace, { seed: 1, size: "tiny" });
  const service = new OsmoService();
  const url = await service.start();
  const store = join(home, "store");
  const login = join(home, "login");
  for (const folder of [login, store]) await mkdir(folder);
  await writeFile(join(login, "login.yaml"), `url: ${url}\ndev_login: {username: ann}\n`);
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: home,
    XDG_STATE_HOME: join(home, "state"),
    DEFT_WORKSPACE: workspace,
    DEFT_OSMO_BIN: bin,
    DEFT_OSMO_TRAIN_POOL: "default",
    DEFT_OSMO_ROOT: "s3://lab/dig",
    TAO_PYT_IMAGE: "registry.example/deft-engine:1",
    OSMO_CONFIG_FILE_DIR: login,
    OSMO_STAND_IN_STORE: store,
    OSMO_STAND_IN_JOURNAL: join(home, "commands.jsonl"),
  };
  const local = engineHere();
  const deps = (more: Record<string, string> = {}): Deps => ({
    clock: { now: () => new Date() },
    ids: { hex: (length) => "0".repeat(length) },
    env: { ...env, ...more },
    cwd: workspace,
    executors: { embedded: async () => trainingElsewhere(local, { main: builtBin, env: { ...env, ...more } }) },
  });
  const planner = await toolClient(deps());
  const plan = await planner.result("preflight", request);
  await planner.close();
  const client = await toolClient(deps({ DEFT_APPROVE_PLAN: String(plan.plan_id) }));
  const runDir = String((await client.result("approve_plan", { plan_id: plan.plan_id })).run_dir);
  await client.close();
  // The run's head lies in the state folder: it goes back with the run, or the run is seen as put back.
  const places = [workspace, env.XDG_STATE_HOME];
  const kept = (place: string) => join(home, "kept", basename(place));
  const copy = { recursive: true, preserveTimestamps: true, verbatimSymlinks: true };
  for (const place of places) await cp(place, kept(place), copy);
  return {
    ...{ service, home, store, workspace, runDir, env, deps },
    planSummary: String(plan.summary_markdown ?? plan.summary ?? JSON.stringify(plan)),
    async restore() {
      stopPods(service);
      for (const place of places) {
        await rm(place, { recursive: true, force: true });
        await cp(kept(place), place, copy);
      }
      for (const name of ["store", "pods", "commands.jsonl"])
        await rm(join(home, name), { recursive: true, force: true });
      await mkdir(store);
      Object.assign(service, { loseSubmitAnswer: false, runTask: undefined, timeline: [{ status: "PENDING" }] });
      service.workflows.clear();
      service.failures.clear();
    },
    runPods(programs = engine) {
      service.runTask = runPod({ home: join(home, "pods"), store, programs });
    },
    async remove() {
      stopPods(service);
      await service.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

function stopPods(service: OsmoService): void {
  for (const workflow of service.workflows.values()) {
    workflow.cancelled = true;
    workflow.stop?.();
  }
}
