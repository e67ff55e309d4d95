import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { execa } from "execa";
import { trackRun } from "../../server/tracking/export.ts";
import { builtBin } from "../support/built-server.ts";
import { folderOfFile } from "../support/folder.ts";

const python = process.env.PYTHON ?? "python3";
const folder = folderOfFile();
let server: ChildProcess;
let uri: string;

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

const environment = (more: Record<string, string> = {}) => ({
  PATH: String(process.env.PATH),
  HOME: folder.path,
  XDG_STATE_HOME: join(folder.path, "state"),
  XDG_CACHE_HOME: join(folder.path, "cache"),
  ...more,
});

beforeAll(async () => {
  const port = await freePort();
  uri = `http://127.0.0.1:${port}`;
  const store = ["--backend-store-uri", `sqlite:///${folder.path}/mlflow.db`, "--artifacts-destination", folder.path];
  const args = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", String(port), "--workers", "1", ...store];
  server = spawn(python, args, { env: environment(), stdio: "ignore", detached: true });
  const answers = () =>
    fetch(`${uri}/health`).then(
      (response) => response.ok,
      () => false,
    );
  while (server.exitCode === null && !(await answers())) await sleep(200);
  if (server.exitCode !== null) throw new Error(`mlflow ended with ${server.exitCode}: is it installed for ${python}?`);
});
afterAll(() => {
  if (server?.pid !== undefined) process.kill(-server.pid);
});

/** What MLflow's own client finds of the runs of an experiment. */
async function readBack(): Promise<Record<string, unknown>[]> {
  const script = `
import json, mlflow
client = mlflow.MlflowClient()
found = []
for run in client.search_runs([client.get_experiment_by_name("deft-aoi").experiment_id]):
    history = lambda key: [[m.step, m.value] for m in client.get_metric_history(run.info.run_id, key)]
    found.append({
        "name": run.info.run_name, "status": run.info.status, "params": run.data.params, "tags": run.data.tags,
        "metrics": {key: history(key) for key in run.data.metrics},
        "artifacts": sorted(f.path for f in client.list_artifacts(run.info.run_id)),
        "state": mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/deft_state.json")["status"],
    })
print(json.dumps(found))`;
  const { stdout } = await execa(python, ["-c", script], {
    env: environment({ MLFLOW_TRACKING_URI: uri }),
    extendEnv: false,
  });
  return JSON.parse(String(stdout.split("\n").at(-1)));
}

it("a loop is in MLflow as its own client reads it, every figure once", async () => {
  const args = [builtBin, "demo", "--json", "--max-iterations", "1"];
  const { stdout } = await execa(process.execPath, args, {
    cwd: folder.path,
    env: environment({ DEFT_MLFLOW_TRACKING_URI: uri }),
    extendEnv: false,
  });
  const { run_dir, iterations } = JSON.parse(stdout);
  const state = JSON.parse(await readFile(join(run_dir, "deft_state.json"), "utf8"));
  expect(await trackRun(run_dir, state, { DEFT_MLFLOW_TRACKING_URI: uri })).toBeUndefined();
  const [run, ...others] = await readBack();
  expect(others).toEqual([]);
  expect(run).toMatchObject({
    name: run_dir.split("/").at(-1),
    status: "FINISHED",
    state: "complete",
    params: { platform: "embedded", max_iterations: "1" },
    tags: {
      "deft.plan_id": state.plan.plan_id,
      "deft.approved_by": "preauthorised",
      "deft.stop_reason": state.stop_reason,
    },
    metrics: { far_pct: iterations.map(({ far_pct }: { far_pct: number }, step: number) => [step, far_pct]) },
    artifacts: expect.arrayContaining([
      "DEFT_Loop_Report.html",
      "best_model.json",
      "deft_state.json",
      "loop_log.jsonl",
    ]),
  });
});
