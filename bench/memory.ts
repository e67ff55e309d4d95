import { readdirSync, readFileSync } from "node:fs";

/**
 * Watches how much memory this process and all below it have resident; `stop` tells the most at one time in MB, and `below`
 * that of the others alone: what this one holds may be left of making the data.
 */
export function residentMemory(): { stop(): number; below(): number } {
  let [most, below] = [0, 0];
  const look = (): void => {
    const all = residentBelow(process.pid);
    most = Math.max(most, all);
    below = Math.max(below, all - process.memoryUsage.rss() / 2 ** 20);
  };
  const timer = setInterval(look, 100);
  return {
    stop() {
      clearInterval(timer);
      look();
      return most;
    },
    below: () => below,
  };
}

/** Does a piece of work and prints its seconds and the most memory that it had resident. */
export async function told(what: string, work: () => unknown): Promise<void> {
  const memory = residentMemory();
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  console.log(`  ${what.padEnd(46)} ${seconds.toFixed(1).padStart(7)} s, ${memory.stop().toFixed(0)} MB resident`);
}

/** Resident megabytes of a process and its descendants; 0 where the system has no /proc. */
function residentBelow(root: number): number {
  const parents = new Map<number, number>();
  const sizes = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const status = readFileSync(`/proc/${name}/status`, "utf8");
      parents.set(Number(name), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0));
      sizes.set(Number(name), Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // It ended meanwhile.
    }
  }
  const isBelow = (pid: number | undefined): boolean => pid === root || (!!pid && isBelow(parents.get(pid)));
  return [...sizes].reduce((sum, [pid, size]) => (isBelow(pid) ? sum + size : sum), 0);
}
