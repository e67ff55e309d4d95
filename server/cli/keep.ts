import { toldStem } from "../durable/ahead.ts";
import { keep, type Work } from "../durable/keeper.ts";
import { startAhead } from "../exec/ahead.ts";
import { mainPath, systemDeps, terminalCall } from "./deps.ts";
import { type CliIo, print } from "./io.ts";

/**
 * What keepers do, by the kind of work; each is imported when it is needed. One that waits for its work has what that
 * work takes loaded meanwhile.
 */
const kinds: Record<string, (io: CliIo, waits: boolean) => Promise<Work>> = {
  engine: async ({ env }, waits) => {
    const { programWork, wordsBefore } = await import("../durable/program.ts");
    const words = [process.execPath, mainPath(), "engine"];
    return programWork(wordsBefore(...words), waits ? { start: startAhead(words, { ...env }) } : {});
  },
  host: async () => {
    const { programWork } = await import("../durable/program.ts");
    const { commandOf, afterwards } = (await import("../platforms/host/executor.ts")).hostWork(mainPath());
    return programWork(commandOf, { afterwards });
  },
  container: async () => (await import("../platforms/docker/keeper.ts")).containerWork,
  "docker-ready": async () => {
    const { preparation } = await import("../platforms/docker/ready.ts");
    return preparation((await import("../platforms/docker/fixes.ts")).fixes);
  },
  kubernetes: async () => (await import("../platforms/kubernetes/keeper.ts")).jobWork(),
  "kubernetes-ready": async () => {
    const { preparation } = await import("../platforms/docker/ready.ts");
    const { usualPace } = await import("../platforms/kubernetes/keeper.ts");
    return preparation((await import("../platforms/kubernetes/fixes.ts")).fixesAt(usualPace));
  },
  osmo: async () => (await import("../platforms/osmo/keeper.ts")).taskWork(),
  slurm: async () => (await import("../platforms/slurm/keeper.ts")).slurmWork(mainPath()),
  "osmo-watch": async (io) => {
    const { watchWork } = await import("../osmo/watcher.ts");
    return watchWork(terminalCall(systemDeps(io)), (line) => print(io.stdout, `${line.at} ${line.status_line}\n`));
  },
};

/**
 * `deft-mcp keep KIND STEM`: keeps one piece of durable work, whose record is `STEM.json`; started by the server alone,
 * which may tell the stem later.
 */
export async function run(argv: string[], io: CliIo): Promise<number> {
  const [kind = "", named] = argv;
  const work = await kinds[kind]?.(io, named === undefined);
  if (work === undefined) {
    print(io.stderr, `usage: deft-mcp keep ${Object.keys(kinds).join("|")} [STEM]\n`);
    return 2;
  }
  const stem = named ?? (await toldStem());
  if (stem !== undefined) await keep(stem, work, io.env);
  // A stream that is still open must not hold the process once its work is over.
  process.exit(0);
}
