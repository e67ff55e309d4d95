import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { keep } from "../../../../server/durable/keeper.ts";
import { jobStem, readTrouble, workFiles } from "../../../../server/durable/work.ts";
import { availabilityOf } from "../../../../server/platforms/slurm/availability.ts";
import { slurmWork } from "../../../../server/platforms/slurm/keeper.ts";
import { readTask } from "../../../../server/platforms/slurm/record.ts";
import { temporaryFolders } from "../../../support/folder.ts";

const newFolder = temporaryFolders();

type Answer = { readonly code?: number; readonly out?: string; readonly err?: string };

/** Programs that answer as SLURM and ssh were seen to. Each writes down how it was called. */
async function commands(answers: Readonly<Record<string, Answer>>): Promise<NodeJS.ProcessEnv> {
  const folder = await newFolder();
  for (const [name, { code = 0, out = "", err = "" }] of Object.entries(answers)) {
    await writeFile(join(folder, `${name}.out`), out);
    await writeFile(join(folder, `${name}.err`), err);
    const lines = ["#!/bin/sh", `echo "$*" >>"$0.calls"`, `/bin/cat "$0.out"; /bin/cat "$0.err" >&2; exit ${code}`];
    await writeFile(join(folder, name), `${lines.join("\n")}\n`, { mode: 0o755 });
  }
  return { PATH: folder };
}

const idle = "main*|up|infinite|2|gpu:2|idle\nbrief|up|1:00|2|gpu:2|idle\nclosed|down|infinite|2|gpu:2|idle\n";
const takes = { err: "sbatch: Job 9 to start at 2026-11-28T01:00:00 using 1 processors on nodes n1 in partition main" };
const well = { sinfo: { out: idle }, sbatch: takes };
const engine = { program: "engine" } as const;

describe("doctor --platform slurm", () => {
  it.each<[string, Record<string, string | number>, Record<string, Answer>, RegExp, RegExp]>([
    ["no SLURM here", engine, {}, /sinfo is not installed.*--set host=/, /another platform/],
    [
      "a controller that is away",
      engine,
      { sinfo: { code: 1, err: "slurm_load_partitions: Unable to contact slurm controller (connect failure)" } },
      /controller does not answer.*connect failure/,
      /another platform/,
    ],
    [
      "no munged",
      engine,
      { sinfo: { code: 1, err: "sinfo: error: Munge encode failed: Failed to access\nProtocol authentication error" } },
      /munged does not run here/,
      /another platform/,
    ],
    [
      "no configuration",
      engine,
      { sinfo: { code: 1, err: "sinfo: fatal: Could not establish a configuration source" } },
      /no configuration on this host: set SLURM_CONF/,
      /another platform/,
    ],
    [
      "a login node that wants a password",
      { ...engine, host: "me@login" },
      { ssh: { code: 255, err: "me@login: Permission denied (publickey,password)." } },
      /refuses this key/,
      /another platform/,
    ],
    [
      "a login node that was never seen",
      { ...engine, host: "login" },
      { ssh: { code: 255, err: "Host key verification failed." } },
      /host key is not known/,
      /another platform/,
    ],
    [
      "a login node that is away",
      { ...engine, host: "login" },
      { ssh: { code: 255, err: "ssh: connect to host login port 22: Connection timed out" } },
      /login node does not answer/,
      /another platform/,
    ],
    [
      "a login node without SLURM",
      { ...engine, host: "login" },
      { ssh: { code: 127, err: "bash: line 1: sinfo: command not found" } },
      /login node has no SLURM commands/,
      /another platform/,
    ],
    ["nothing that says where TAO is", {}, well, /nothing says where TAO is/, /venv, container or modules/],
    ["a wrong partition", { ...engine, partition: "mian" }, well, /no partition mian/, /one of main, brief, closed/],
    ["a partition that is closed", { ...engine, partition: "closed" }, well, /closed takes no jobs now/, /Open it/],
    [
      "no default partition",
      engine,
      { ...well, sinfo: { out: "gpu|up|infinite|1|gpu:1|idle\n" } },
      /no default partition/,
      /partition to one of gpu/,
    ],
    [
      "a partition without a node",
      engine,
      { ...well, sinfo: { out: "main*|up|infinite|0|(null)|n/a\n" } },
      /main has no node/,
      /another of main/,
    ],
    [
      "nodes that are all down",
      engine,
      { ...well, sinfo: { out: "main*|up|infinite|1|gpu:2|down*\nmain*|up|infinite|1|gpu:2|drained\n" } },
      /every node of partition main is down and silent or drained/,
      /Bring a node up/,
    ],
    [
      "a time beyond the limit",
      { ...engine, partition: "brief" },
      well,
      /1-00:00:00 is beyond the limit 1:00/,
      /at most 1:00/,
    ],
    [
      "more GPUs than a node has",
      { ...engine, gres: "gpu:9" },
      { ...well, sbatch: { code: 1, err: "allocation failure: Requested node configuration is not available" } },
      /would refuse a job: .*node configuration is not available/,
      /setting that it names/,
    ],
  ])("names %s, and what to do", async (_name, settings, answers, detail, fix) => {
    const offer = await availabilityOf(settings, await commands(answers));
    expect(offer).toMatchObject({ available: false });
    expect(offer.detail).toMatch(detail);
    expect(offer.fix).toMatch(fix);
  });

  it("names a cluster that has no pyxis for the containers of the plan", async () => {
    const env = await commands(well);
    const pyxis = '#!/bin/sh\ncase "$*" in *no-container*) echo "unrecognized option" >&2; exit 255;; esac\n';
    await writeFile(join(env.PATH ?? "", "sbatch"), pyxis, { mode: 0o755 });
    const offer = await availabilityOf({ container: "nvcr.io#nvidia/tao:7.3" }, env);
    expect(offer.detail).toMatch(/no pyxis/);
  });

  it.each([
    ["gpu:2", "2 GPUs on each"],
    ["gpu:a100:4(S:0-1),shard:8", "4 a100 GPUs on each"],
    ["license:3,gpu:1", "1 GPU on each"],
    ["(null)", "no GPUs"],
  ])("says in words what there is where all is well: %s", async (gres, words) => {
    const out = `main*|up|infinite|2|${gres}|idle\n`;
    const offer = await availabilityOf({ venv: "/opt/tao" }, await commands({ ...well, sinfo: { out } }));
    expect(offer).toEqual({ available: true, detail: `SLURM, partition main, 2 nodes, ${words}` });
  });
});

describe("a submit", () => {
  async function kept(answers: Readonly<Record<string, Answer>>) {
    const runDir = await newFolder();
    const stem = jobStem(runDir, "baseline-train-1-train");
    await mkdir(join(runDir, "jobs"));
    const config = { platform_settings: { program: "engine" }, num_gpus: 0 };
    await writeFile(join(runDir, "deft_state.json"), JSON.stringify({ config, plan: { parameters: {} } }));
    const spec = {
      ...{
        id: "baseline-train-1-train",
        image: "tao_pyt",
        argv: ["visual_changenet"],
        mounts: [],
        env: {},
        env_names: [],
      },
      ...{ workdir: runDir, gpus: "all", ipc_host: false, user: "host", log_path: join(runDir, "x.log") },
    };
    const record = { spec, platform: "slurm", created_at: "2026-11-28T01:00:00Z" };
    await writeFile(workFiles(stem).record, JSON.stringify(record));
    const pace = { first_ms: 1, most_ms: 1, ask_ms: 1, settleMs: 0, lateMs: 0 };
    await keep(stem, slurmWork("/opt/deft-mcp.js", pace), await commands(answers));
    return { trouble: await readTrouble(stem), task: await readTask(stem) };
  }

  it("that the scheduler refuses is told in its words, and leaves nothing to look for", async () => {
    const err =
      "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified";
    const { trouble, task } = await kept({ sbatch: { code: 1, err } });
    expect(trouble).toMatchObject({
      code: "executor.refused-submit",
      facts: { said: expect.stringMatching(/account/) },
    });
    expect(task).toBeUndefined();
  });

  it("without an answer may have been taken, so its name stays to be looked for", async () => {
    const err = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation";
    const { trouble, task } = await kept({ sbatch: { code: 1, err } });
    expect(trouble).toMatchObject({ code: "executor.unavailable" });
    expect(task).toMatchObject({
      state: "sending",
      name: expect.stringMatching(/^deft-baseline-train-1-train-[0-9a-f]{12}$/),
    });
  });
});
