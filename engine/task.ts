import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Refusal } from "../server/errors.ts";
import { EngineFailure, statusTextOf } from "./failure.ts";
import { type EngineIo, logLine, realPath } from "./io.ts";
import { cachePlace } from "./pair/cache-place.ts";
import { changenetKeys } from "./spec/changenet-keys.ts";
import { type ChangenetSpec, readChangenetSpec, type Task } from "./spec/changenet-spec.ts";
import { composeSpec, type KnownKeys, type SpecTree, specText } from "./spec/load-spec.ts";
import { openStatusLog, type StatusLog } from "./status-log.ts";
import { openWarmReader, type WarmReader } from "./warm-cache.ts";

/** What a Visual ChangeNet task works with; one reader serves all its splits. */
export type TaskContext = { spec: ChangenetSpec; tree: SpecTree; status: StatusLog; io: EngineIo; pairs: WarmReader };

const titles = { train: "Train", inference: "Inference", evaluate: "Evaluate" } as const;

/**
 * Runs one `visual_changenet` task inside TAO's frame: arguments, composed spec saved as experiment.yaml, status.json
 * from `Starting Visual ChangeNet <task>.` to `<Task> finished successfully.`, final marker, exit status.
 */
export async function runChangenetTask(
  task: Task,
  args: readonly string[],
  io: EngineIo,
  work: (context: TaskContext) => Promise<void>,
): Promise<number> {
  let status: StatusLog | undefined;
  try {
    const given = readTaskArguments(args, task, "pyt", io);
    const tree = composeSpec(given.spec_path, given.overrides, changenetKeys);
    if (given.show_only) {
      io.stdout.write(specText(tree));
      return 0;
    }
    const spec = readChangenetSpec(tree, task, io);
    mkdirSync(spec.results_dir, { recursive: true });
    io.stdout.write(`${titles[task]} results will be saved at: ${spec.results_dir}\n`);
    status = openStatusLog(io, spec.results_dir);
    status("STARTED", `Starting Visual ChangeNet ${task}.`);
    writeFileSync(join(spec.results_dir, "experiment.yaml"), specText(tree));
    const pairs = openWarmReader("pairs", cachePlace(io));
    try {
      await work({ spec, tree, status, io, pairs });
    } finally {
      pairs.close();
    }
    status("RUNNING", `${titles[task]} finished successfully.`);
  } catch (error) {
    const failure = asFailure(error);
    const text = statusTextOf(failure);
    if (status !== undefined && text !== undefined) status("FAILURE", text);
    writeFailure(io, failure);
    if (!failure.message.startsWith("ERROR: ")) logLine(io, "WARNING", "Execution status: FAIL");
    return 1;
  }
  logLine(io, "INFO", "Execution status: PASS");
  return 0;
}

/**
 * Runs one data-services task (gap analysis, embedding, mining) inside its frame: arguments, composed spec, final marker
 * on stdout, exit status. These tasks write no status.json.
 */
export async function runDataTask(
  task: string,
  args: readonly string[],
  io: EngineIo,
  known: KnownKeys,
  work: (tree: SpecTree) => Promise<void>,
): Promise<number> {
  try {
    const given = readTaskArguments(args, task, "data_services", io);
    const tree = composeSpec(given.spec_path, given.overrides, known);
    if (given.show_only) {
      io.stdout.write(specText(tree));
      return 0;
    }
    await work(tree);
  } catch (error) {
    writeFailure(io, asFailure(error));
    io.stdout.write("Execution status: FAIL\n");
    return 1;
  }
  io.stdout.write("Execution status: PASS\n");
  return 0;
}

/** Runs one script of the generator: its exit status, or 1 after the text of what it failed with. */
export async function runScript(io: EngineIo, work: () => number | Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    writeFailure(io, asFailure(error));
    return 1;
  }
}

/** The failure to report for a foreseen refusal of a shared reader; anything unforeseen is thrown on. */
function asFailure(error: unknown): EngineFailure {
  if (error instanceof EngineFailure) return error;
  if (error instanceof Refusal) {
    const python = error.code === "input.unreadable-file" ? "FileNotFoundError" : "ValueError";
    return new EngineFailure(python, error.message, { cause: error });
  }
  throw error;
}

/** Writes a failure as the last line of a Python traceback, or as it is when the toolkit prints it plainly. */
function writeFailure(io: EngineIo, failure: EngineFailure): void {
  const plain = failure.message.startsWith("ERROR: ");
  io.stderr.write(plain ? `${failure.message}\n` : `${failure.python}: ${failure.message}\n`);
}

/** Arguments of a TAO entry point: the spec file, Hydra overrides, and whether only the composed spec is wanted. */
type TaskArguments = { spec_path: string; overrides: string[]; show_only: boolean };

/**
 * Reads `-e FILE [key=value ...] [--cfg=job]`.
 *
 * @throws EngineFailure with the text of the toolkit for a missing `-e` or a missing file: `pyt` is the training
 * container's wording, `data_services` the one of gap analysis, embedding and mining.
 */
function readTaskArguments(
  args: readonly string[],
  task: string,
  wording: "pyt" | "data_services",
  io: EngineIo,
): TaskArguments {
  let spec: string | undefined;
  let showOnly = false;
  const overrides: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === "-e" || arg === "--experiment_spec_file" || arg === "--experiment_spec") spec = args[++i];
    else if (arg.startsWith("--experiment_spec")) spec = arg.slice(arg.indexOf("=") + 1);
    else if (arg === "--cfg=job" || arg === "-c=job") showOnly = true;
    else overrides.push(arg);
  }
  if (spec === undefined) {
    const text = `The subtask \`${task}\` requires the following argument: -e/--experiment_spec_file`;
    throw new EngineFailure("ValueError", wording === "pyt" ? `ERROR: ${text}` : text);
  }
  const path = realPath(io, spec);
  if (!existsSync(path)) {
    if (wording === "pyt") {
      throw new EngineFailure(
        "FileNotFoundError",
        `ERROR: The indicated experiment spec file \`${spec}\` doesn't exist!`,
      );
    }
    throw new EngineFailure("FileNotFoundError", `Experiment spec file was not found at ${spec}`);
  }
  return { spec_path: path, overrides, show_only: showOnly };
}
