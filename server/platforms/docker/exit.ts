import { isCancelled } from "../../durable/work.ts";
import { fileFacts } from "../../fs/read.ts";
import type { JobExit } from "../../run/job.ts";
import type { Container } from "./containers.ts";

/** Files of a job in a container, beside those of all durable work. */
export function containerFiles(stem: string) {
  return { followed: `${stem}.followed.json`, timeout: `${stem}.timeout` };
}

/** How the program of a container that has ended did; its times are the daemon's. */
export async function exitOf(stem: string, container: Container): Promise<JobExit> {
  const { exit_code } = container;
  const times = { started_at: container.started_at, ended_at: container.finished_at };
  if (container.oom_killed && exit_code !== 0) {
    return { outcome: "oom", exit_code, ...times, detail: "the kernel killed it for memory" };
  }
  const overdue = (await fileFacts(containerFiles(stem).timeout)) !== undefined;
  if (exit_code !== 0 && overdue) return { outcome: "timeout", exit_code, ...times };
  if (exit_code !== 0 && (await isCancelled(stem))) return { outcome: "cancelled", exit_code, ...times };
  const signal = { 137: "SIGKILL", 143: "SIGTERM" }[exit_code];
  if (signal !== undefined) {
    const detail = "stopped from outside: docker stop, docker kill, or a daemon that restarted without live-restore";
    return { outcome: "killed", exit_code, signal, ...times, detail };
  }
  return { outcome: "exited", exit_code, ...times, ...(container.error === "" ? {} : { detail: container.error }) };
}

/** The end of a job whose container is gone. */
export async function vanished(stem: string, containerId: string): Promise<JobExit> {
  const detail = `the container ${containerId.slice(0, 12)} no longer exists`;
  return { outcome: (await isCancelled(stem)) ? "cancelled" : "lost", detail };
}
