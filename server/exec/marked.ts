import { readdir, readFile } from "node:fs/promises";
import { waitUntil } from "../run/wait.ts";

/** Processes of this host in whose environment a variable has this value. Empty where there is no /proc. */
async function markedProcesses(name: string, value: string): Promise<number[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((entry) => /^\d+$/.test(entry));
  const wanted = `\0${name}=${value}\0`;
  const found = await Promise.all(
    pids.map(async (pid) => {
      // Another user's, or gone meanwhile.
      const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
      return `\0${environment}`.includes(wanted) ? [Number(pid)] : [];
    }),
  );
  return found.flat().filter((pid) => pid !== process.pid);
}

/**
 * Ends whatever a program left behind, wherever it put itself: asks, waits `graceMs`, then kills. A wrapper that died
 * leaves its trainer, a trainer its data loaders, and some start sessions of their own.
 */
export async function endMarked(name: string, value: string, graceMs: number): Promise<void> {
  const signal = async (kind: NodeJS.Signals) => {
    const left = await markedProcesses(name, value);
    for (const pid of left) signalOne(pid, kind);
    return left.length === 0;
  };
  if (await signal("SIGTERM")) return;
  const gone = async () => (await markedProcesses(name, value)).length === 0 || undefined;
  const bounds = { deadline: performance.now() + graceMs };
  if (!(await waitUntil(gone, { first_ms: 20, most_ms: 200 }, bounds))) await signal("SIGKILL");
}

function signalOne(pid: number, kind: NodeJS.Signals): void {
  try {
    process.kill(pid, kind);
  } catch {
    // ESRCH: it ended on its own.
  }
}
