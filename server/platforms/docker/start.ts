import { Refusal } from "../../errors.ts";
import { kindOf } from "../../fs/read.ts";
import type { JobSpec } from "../../run/job.ts";
import { type ContainerWish, containerName, labelNames, runArguments, specDigest } from "./argv.ts";
import type { Docker } from "./cli.ts";
import { type Container, findContainer, labelledContainers } from "./containers.ts";
import { dockerFailure } from "./errors.ts";

const startTimeoutSec = 300;

/**
 * The job's own container when it exists already: a server died before it could record it. One that was made but never
 * started is started.
 *
 * @throws Refusal `executor.name-taken` for a container that is not exactly this job's.
 */
export async function adopt(docker: Docker, runDir: string, spec: JobSpec): Promise<Container | undefined> {
  const name = containerName(runDir, spec.id);
  const alike = await labelledContainers(docker, { [labelNames.run]: runDir, [labelNames.job]: spec.id });
  const stranger = alike.find((one) => one.name !== name);
  if (stranger !== undefined) throw taken("Another container carries the labels of this job.", spec, stranger);
  const found = alike[0] ?? (await findContainer(docker, name));
  if (found === undefined) return undefined;
  if (found.labels[labelNames.run] !== runDir || found.labels[labelNames.spec] !== specDigest(spec)) {
    throw taken("Another container has the name of this job.", spec, found);
  }
  if (found.status === "created") await begin(docker, spec, found);
  return found;
}

function taken(message: string, spec: JobSpec, container: Container): Refusal {
  const facts = { job: spec.id, container: container.name, container_id: container.id.slice(0, 12) };
  return new Refusal("executor.name-taken", message, { ...facts, status: container.status });
}

/** Starts a container that was made; one that cannot start is removed, so that a retry is clean. */
async function begin(docker: Docker, spec: JobSpec, container: Container): Promise<void> {
  const answer = await docker.run(["start", container.id], { timeoutSec: startTimeoutSec });
  if (answer.code === 0) return;
  await docker.run(["rm", container.id]);
  throw dockerFailure(`Starting ${spec.id}`, answer.stderr, { job: spec.id });
}

/**
 * Makes and starts the container of a job; `env` holds the values of the variables that it passes by name.
 *
 * @throws Refusal `executor.bad-path`, `executor.mount-missing`, and what the daemon refuses; nothing is left behind.
 */
export async function launch(docker: Docker, wish: ContainerWish, env: NodeJS.ProcessEnv): Promise<Container> {
  const { spec, runDir, image } = wish;
  const argv = runArguments(wish);
  await refuseMissingMounts(spec);
  const secrets = Object.fromEntries(spec.env_names.map((name) => [name, env[name]]));
  const answer = await docker.run(argv, { secrets, timeoutSec: startTimeoutSec });
  const made = await findContainer(docker, containerName(runDir, spec.id));
  if (answer.code === 0 && made !== undefined) return made;
  const ours = made?.labels[labelNames.run] === runDir && made.status === "created";
  if (ours) await docker.run(["rm", made.id]);
  throw dockerFailure(`Starting ${spec.id}`, answer.stderr, { job: spec.id, image: image.uri });
}

async function refuseMissingMounts(spec: JobSpec): Promise<void> {
  for (const { source } of spec.mounts) {
    if ((await kindOf(source)) !== "absent") continue;
    throw new Refusal("executor.mount-missing", `${source} does not exist.`, { job: spec.id, path: source });
  }
}
