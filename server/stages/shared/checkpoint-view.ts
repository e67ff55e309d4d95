import { basename, dirname, join } from "node:path";
import { makeDirectory, writeAtomic } from "../../fs/atomic.ts";
import { linkTo } from "../../fs/link.ts";
import { kindOf, listNames } from "../../fs/read.ts";

/** The checkpoint directory that the generator is given, and the flat file it has to be built around, if any. */
export type GeneratorCheckpoint = { readonly directory: string; readonly flat_file: string | undefined };

/**
 * Decides how the generator gets at its checkpoint. It wants `checkpoints/model/iter_<9 digits>.pt`; the published
 * download is flat, the file beside ag_config.yaml, and is then shown through a directory of links at `viewDir`.
 */
export async function generatorCheckpoint(checkpointDir: string, viewDir: string): Promise<GeneratorCheckpoint> {
  const asStaged = { directory: checkpointDir, flat_file: undefined };
  if (checkpointDir === "" || (await kindOf(join(checkpointDir, "checkpoints", "model"))) === "directory") {
    return asStaged;
  }
  const files = (await listNames(checkpointDir)).filter((name) => /^iter_[0-9]+\.pt$/.test(name));
  const [only, ...others] = files;
  if (only === undefined || others.length > 0) return asStaged;
  return { directory: viewDir, flat_file: join(checkpointDir, only) };
}

/** Builds the links of a flat checkpoint; their targets lie in a mount, or they would dangle in the container. */
export async function buildView({ directory, flat_file }: GeneratorCheckpoint): Promise<void> {
  if (flat_file === undefined) return;
  const model = join(directory, "checkpoints", "model");
  await makeDirectory(model);
  await linkTo(join(dirname(flat_file), "ag_config.yaml"), join(directory, "ag_config.yaml"));
  await linkTo(flat_file, join(model, basename(flat_file)));
  await writeAtomic(join(directory, "checkpoints", "latest_checkpoint.txt"), `${basename(flat_file)}\n`);
}
