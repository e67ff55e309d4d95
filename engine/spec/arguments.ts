import { existsSync } from "node:fs";
import { EngineFailure } from "../failure.ts";
import { type EngineIo, realPath } from "../io.ts";

/** Arguments of a TAO entry point: the spec file, Hydra overrides, and whether only the composed spec is wanted. */
export type TaskArguments = { spec_path: string; overrides: string[]; show_only: boolean };

/**
 * Reads `-e FILE [key=value ...] [--cfg=job]`.
 *
 * @throws EngineFailure with the text of the toolkit for a missing `-e` or a missing file: `pyt` is the training
 * container's wording, `data_services` the one of gap analysis, embedding and mining.
 */
export function readTaskArguments(
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
