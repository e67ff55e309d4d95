import { Refusal } from "../../errors.ts";
import type { Availability } from "../../ports/executor.ts";
import { counted } from "../../run/counted.ts";
import type { SettingValues } from "../../run/platform-settings.ts";
import { redactedExcerpt } from "../../run/redact.ts";
import { resourceOptions } from "./argv.ts";
import { type Slurm, slurmCli } from "./cli.ts";
import { minutesOf, type SlurmSettings, slurmSettingsSchema } from "./settings.ts";

type Partition = {
  readonly name: string;
  readonly isDefault: boolean;
  readonly up: boolean;
  readonly limit: string;
  readonly nodes: number;
  readonly gres: string;
  readonly state: string;
};

const format = "%P|%a|%l|%D|%G|%T";

/** Lines of `sinfo` in the format above: one for each partition and state of its nodes. */
export function partitionsIn(text: string): Partition[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", up, limit = "", nodes, gres = "", state = ""] = line.trim().split("|");
    if (nodes === undefined) return [];
    const isDefault = name.endsWith("*");
    return [{ name: name.replace(/\*$/, ""), isDefault, up: up === "up", limit, nodes: Number(nodes), gres, state }];
  });
}

/**
 * Whether jobs with these settings could run: the commands answer, the partition is open and has nodes, and the scheduler
 * would take such a job. Nothing is submitted.
 */
export async function availabilityOf(values: SettingValues, env: NodeJS.ProcessEnv): Promise<Availability> {
  const settings = slurmSettingsSchema.parse(values);
  const slurm = slurmCli(settings.host, env);
  try {
    const answer = await slurm.run("sinfo", ["--noheader", `--format=${format}`]);
    if (answer.code !== 0) return no(`sinfo fails: ${said(answer.stderr)}`, "Correct what SLURM names.");
    const partitions = partitionsIn(answer.stdout);
    return closed(partitions, settings) ?? (await refused(slurm, settings)) ?? yes(partitions, settings);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { said: words } = error.facts;
    const detail = `${error.message}${typeof words === "string" ? ` It says: ${words}` : ""}`;
    return no(detail, "Put right what it says, or choose another platform.");
  }
}

function no(detail: string, fix: string): Availability {
  return { available: false, detail, fix };
}

function ofPartition(partitions: readonly Partition[], { partition }: SlurmSettings): Partition[] {
  return partitions.filter(({ name, isDefault }) => (partition === undefined ? isDefault : name === partition));
}

/** What the partition and the settings themselves say against a job. */
function closed(partitions: readonly Partition[], settings: SlurmSettings): Availability | undefined {
  const { partition, program, container, venv, modules, time } = settings;
  if (program === "tao" && [container, venv, modules].every((one) => one === undefined)) {
    const fix = "Set platform_settings.venv, container or modules; or program=engine to rehearse the cluster.";
    return no("nothing says where TAO is on the nodes", fix);
  }
  const names = [...new Set(partitions.map(({ name }) => name))].join(", ");
  const own = ofPartition(partitions, settings);
  const [first] = own;
  if (first === undefined) {
    const detail = partition === undefined ? "SLURM has no default partition" : `SLURM has no partition ${partition}`;
    return no(detail, `Set platform_settings.partition to one of ${names}.`);
  }
  if (!first.up)
    return no(`partition ${first.name} takes no jobs now`, `Open it, or set partition to one of ${names}.`);
  const count = own.reduce((sum, { nodes }) => sum + nodes, 0);
  if (count === 0) return no(`partition ${first.name} has no node`, `Set partition to another of ${names}.`);
  if (own.every(({ state }) => /^(?:down|drain|drained|fail|unk|unknown|power)/.test(state) || state.endsWith("*"))) {
    // A star is how SLURM marks a node that does not answer.
    const states = [...new Set(own.map(({ state }) => state.replace(/\*$/, " and silent")))].join(" or ");
    return no(`every node of partition ${first.name} is ${states}`, "Bring a node up, or set another partition.");
  }
  if (minutesOf(time) > minutesOf(first.limit)) {
    const detail = `time ${time} is beyond the limit ${first.limit} of partition ${first.name}`;
    return no(detail, `Set platform_settings.time to at most ${first.limit}.`);
  }
  return undefined;
}

/** What the scheduler itself says to such a job, without taking it. */
async function refused(slurm: Slurm, settings: SlurmSettings): Promise<Availability | undefined> {
  const gpus = settings.program === "engine" ? 0 : 1;
  const answer = await slurm.run("sbatch", ["--test-only", ...resourceOptions(settings, { gpus }), "--wrap=true"]);
  if (answer.code !== 0) {
    return no(`SLURM would refuse a job: ${said(answer.stderr)}`, "Correct the setting that it names.");
  }
  if (settings.container === undefined) return undefined;
  // The options of pyxis are there for `sbatch` and `srun` alike, or for neither.
  const pyxis = await slurm.run("sbatch", ["--test-only", "--no-container-mount-home", "--wrap=true"]);
  if (pyxis.code === 0) return undefined;
  return no("this cluster has no pyxis, which containers need", "Install pyxis and enroot, or set venv or modules.");
}

function said(stderr: string): string {
  return redactedExcerpt(stderr.replaceAll(/^sbatch: (?:error: )?/gm, "").trim(), 300);
}

function yes(partitions: readonly Partition[], settings: SlurmSettings): Availability {
  const own = ofPartition(partitions, settings);
  const gpus = [...new Set(own.flatMap((one) => gpusIn(one.gres)))].join(" or ");
  const count = own.reduce((sum, { nodes }) => sum + nodes, 0);
  const where = settings.host === undefined ? "" : ` through ${settings.host}`;
  const detail = `SLURM${where}, partition ${own[0]?.name}, ${counted(count, "node")}`;
  return { available: true, detail: `${detail}, ${gpus === "" ? "no GPUs" : `${gpus} on each`}` };
}

/** GPUs of a node in words: `gpu:a100:4(S:0-1)` is `4 a100 GPUs`, `gpu:1` is `1 GPU`. */
function gpusIn(gres: string): string[] {
  return [...gres.matchAll(/(?:^|,)gpu(?::([^:,()]+(?=:\d)))?(?::(\d+))?/g)].map(([, model, count = "1"]) =>
    counted(Number(count), model === undefined ? "GPU" : `${model} GPU`),
  );
}
