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

/** Does a piece of work and prints its seconds, those of this process's processors, and the most memory that it had resident. */
export async function told(what: string, work: () => unknown): Promise<void> {
  const memory = residentMemory();
  const [started, before] = [performance.now(), process.cpuUsage()];
  await work();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  const figures = `${seconds.toFixed(1).padStart(7)} s, processor ${((user + system) / 1e6).toFixed(1).padStart(7)} s`;
  console.log(`  ${what.padEnd(46)} ${figures}, ${memory.stop().toFixed(0)} MB resident`);
}

/**
 * Follows all processes whose environment names `marker`, and those below them: the function that comes back prints what
 * they took since it was last called, under a name: seconds, seconds of processors, and the most memory at one time, with
 * what each process had of it.
 */
export function phases(marker: string): (name: string) => void {
  let [started, most, before] = [performance.now(), 0, 0];
  let each: number[] = [];
  const cpu = new Map<number, number>();
  const look = (): void => {
    const found = processes();
    const isOurs = isBelow(found, (pid) => namesIn(pid, marker));
    const ours = [...found].filter(([pid]) => isOurs(pid));
    for (const [pid, one] of ours) cpu.set(pid, one.cpu);
    const sum = ours.reduce((all, [, { megabytes }]) => all + megabytes, 0);
    if (sum <= most) return;
    most = sum;
    each = ours.map(([, { megabytes }]) => Math.round(megabytes)).sort((a, b) => b - a);
  };
  setInterval(look, 200).unref();
  return (name) => {
    look();
    const spent = [...cpu.values()].reduce((sum, one) => sum + one, 0);
    const [seconds, processor] = [(performance.now() - started) / 1000, spent - before];
    const figures = `${seconds.toFixed(1).padStart(8)} s, processor ${processor.toFixed(1).padStart(8)} s`;
    console.log(`  ${name.padEnd(32)} ${figures}, ${most.toFixed(0).padStart(6)} MB resident = ${each.join(" + ")}`);
    [started, most, before] = [performance.now(), 0, spent];
  };
}

/** Resident megabytes of a process and its descendants; 0 where the system has no /proc. */
function residentBelow(root: number): number {
  const found = processes();
  const isOurs = isBelow(found, (pid) => pid === root);
  return [...found].reduce((sum, [pid, { megabytes }]) => (isOurs(pid) ? sum + megabytes : sum), 0);
}

type Process = { readonly parent: number; readonly megabytes: number; readonly cpu: number };

function processes(): Map<number, Process> {
  const found = new Map<number, Process>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // The name of the program, in brackets, may hold anything.
      const fields = readFileSync(`/proc/${name}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")
        .map(Number);
      const [parent = 0, user = 0, system = 0, pages = 0] = [fields[1], fields[11], fields[12], fields[21]];
      found.set(Number(name), { parent, megabytes: pages / 256, cpu: (user + system) / 100 });
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

function isBelow(found: ReadonlyMap<number, Process>, isRoot: (pid: number) => boolean): (pid: number) => boolean {
  const known = new Map<number, boolean>();
  const isOurs = (pid: number): boolean => {
    const told = known.get(pid);
    if (told !== undefined) return told;
    const parent = found.get(pid)?.parent ?? 0;
    const is = isRoot(pid) || (parent > 1 && isOurs(parent));
    known.set(pid, is);
    return is;
  };
  return isOurs;
}

function namesIn(pid: number, marker: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").includes(marker);
  } catch {
    return false;
  }
}
