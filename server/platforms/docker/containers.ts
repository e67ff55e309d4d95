import { z } from "zod";
import { parseJson } from "../../fs/json.ts";
import type { Docker } from "./cli.ts";
import { dockerFailure } from "./errors.ts";

const inspected = z.object({
  Id: z.string(),
  Name: z.string(),
  Image: z.string(),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  State: z.object({
    Status: z.string(),
    ExitCode: z.number(),
    OOMKilled: z.boolean(),
    Error: z.string().optional(),
    StartedAt: z.string(),
    FinishedAt: z.string(),
  }),
});

/** One container as the daemon describes it; times are the daemon's, RFC 3339. */
export type Container = {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly status: string;
  readonly exit_code: number;
  readonly oom_killed: boolean;
  readonly error: string;
  readonly started_at: string;
  readonly finished_at: string;
};

/** Whether nothing of the container runs any more. */
export function hasEnded(container: Container): boolean {
  return container.status === "exited" || container.status === "dead" || container.status === "removing";
}

/** The container of that name or id, or undefined when the daemon has none. */
export async function findContainer(docker: Docker, nameOrId: string): Promise<Container | undefined> {
  const answer = await docker.run(["container", "inspect", nameOrId]);
  if (answer.code === 0) return parseContainers(answer.stdout)[0];
  if (/no such (?:container|object)/i.test(answer.stderr)) return undefined;
  throw dockerFailure("docker inspect", answer.stderr, { container: nameOrId });
}

/** Containers that carry all of these labels, running or not. */
export async function labelledContainers(
  docker: Docker,
  labels: Readonly<Record<string, string>>,
): Promise<Container[]> {
  const filters = Object.entries(labels).flatMap(([name, value]) => ["--filter", `label=${name}=${value}`]);
  const listed = await docker.run(["ps", "--all", "--quiet", "--no-trunc", ...filters]);
  if (listed.code !== 0) throw dockerFailure("docker ps", listed.stderr);
  const ids = listed.stdout.split("\n").filter((id) => id !== "");
  if (ids.length === 0) return [];
  // One that is removed between the two commands makes inspect fail, and still print the others.
  const answer = await docker.run(["container", "inspect", ...ids]);
  return parseContainers(answer.stdout);
}

function parseContainers(text: string): Container[] {
  const found = z.array(inspected).parse(parseJson(text === "" ? "[]" : text));
  return found.map(({ Id, Name, Config, State }) => ({
    id: Id,
    name: Name.replace(/^\//, ""),
    labels: Config.Labels ?? {},
    status: State.Status,
    exit_code: State.ExitCode,
    oom_killed: State.OOMKilled,
    error: State.Error ?? "",
    started_at: State.StartedAt,
    finished_at: State.FinishedAt,
  }));
}

/** The daemon's own clock, in epoch milliseconds; a container's times are told by it. */
export async function daemonNow(docker: Docker): Promise<number> {
  const answer = await docker.run(["info", "--format", "{{.SystemTime}}"]);
  const at = Date.parse(answer.stdout.trim());
  return Number.isFinite(at) ? at : Date.now();
}
