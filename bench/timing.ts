import { spawnSync } from "node:child_process";
import { join } from "node:path";

const repeats = 7;

/** Several runs in milliseconds: wall clock, and the median of processor time, which other programs disturb less. */
export type Timing = { readonly median: number; readonly min: number; readonly max: number; readonly cpu: number };

/** Times a piece of work after one run that warms it up. `work` may return the processor time that it knows of. */
export async function timed(work: () => unknown): Promise<Timing> {
  await work();
  const walls: number[] = [];
  const cpus: number[] = [];
  for (let run = 0; run < repeats; run++) {
    const started = performance.now();
    const before = process.cpuUsage();
    const known = await work();
    const spent = process.cpuUsage(before);
    walls.push(performance.now() - started);
    cpus.push(typeof known === "number" ? known : (spent.user + spent.system) / 1000);
  }
  return { median: middle(walls), min: Math.min(...walls), max: Math.max(...walls), cpu: middle(cpus) };
}

/** Times a subcommand as a whole process, from `node` to its exit. */
export async function timedCommand(bundles: string, command: string, argv: readonly string[]): Promise<Timing> {
  const io = "{stdout:process.stdout,stderr:process.stderr,env:process.env,cwd:process.cwd(),isTty:false}";
  const told = "process.on('exit',()=>{const u=process.cpuUsage();console.error((u.user+u.system)/1000)});";
  const bundle = JSON.stringify(join(bundles, `${command}-command.mjs`));
  const script = `${told}import(${bundle}).then(async m=>{process.exitCode=await m.run(process.argv.slice(1),${io})})`;
  return timed(() => {
    const ended = spawnSync(process.execPath, ["-e", script, "--", ...argv], { encoding: "utf8" });
    if (ended.status !== 0) throw new Error(`${command} ended with ${ended.status}: ${ended.stderr}${ended.stdout}`);
    return Number(ended.stderr);
  });
}

/** One line of figures. */
export function show(what: string, { median, min, max, cpu }: Timing): void {
  const [wall, low, high, processor] = [median, min, max, cpu].map((value) => value.toFixed(0));
  console.log(`  ${what.padEnd(56)} ${wall?.padStart(6)} ms  (${low} to ${high}), processor ${processor} ms`);
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
