import { excerpt } from "../../errors.ts";
import type { JobExit, JobSpec } from "../../run/job.ts";
import { confined, type HostUser } from "./argv.ts";
import type { Docker } from "./cli.ts";
import { readReady } from "./readiness.ts";

/** A user of this host. */
export type Owner = Pick<HostUser, "uid" | "gid">;

/** The one thing that this container does; ids are positional, the text is a constant. */
const script = 'chown -R -h "$1:$2" /owned';

/**
 * Gives what a root job wrote in its working directory back to the host user, with the job's own image, so that no
 * second image is needed (tao-stages 2.1). A failure is noted, not fatal: the files can still be read.
 */
export async function giveBack(
  docker: Docker,
  runDir: string,
  spec: JobSpec,
  user: Owner,
): Promise<Pick<JobExit, "detail">> {
  if (spec.user !== "root" || user.uid === 0) return {};
  const image = (await readReady(runDir)).images[spec.image];
  if (image === undefined) return {};
  const ids = [String(user.uid), String(user.gid)];
  const answer = await docker.run([
    ...["run", "--rm", "--pull=never", "--network", "none", "--user", "0:0", "--entrypoint", "/bin/sh"],
    ...[...confined, "--cap-add", "CHOWN", "--cap-add", "DAC_READ_SEARCH"],
    ...["--mount", `type=bind,source=${spec.workdir},target=/owned`],
    ...[image.id, "-c", script, "sh", ...ids],
  ]);
  if (answer.code === 0) return {};
  return { detail: `its files still belong to root: ${excerpt(answer.stderr.trim())}` };
}
