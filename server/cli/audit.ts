import { type Audit, auditRun } from "../loop/proof/audit.ts";
import { systemDeps } from "./deps.ts";
import { command, exitDefect, exitOk } from "./frame.ts";
import { print } from "./io.ts";
import { runNearby } from "./nearby.ts";

/** `deft-mcp audit [RUN]`: does the figure of a run follow from its checkpoint and its images? */
export const run = command("audit", async ({ positionals: [named], options }, io) => {
  const deps = systemDeps(io);
  const runDir = await runNearby(named, options.workspace, deps);
  const audit = await auditRun(runDir, options.iteration, deps, (text) => {
    if (!options.json) print(io.stderr, `${text}\n`);
  });
  const ok = audit.findings.length === 0;
  return { value: { ok, ...audit }, text: textOf(audit), exit: ok ? exitOk : exitDefect };
});

/** A digest, of which its beginning tells it from any other; --json has it whole. */
const longDigest = /\b(sha256:[0-9a-f]{12})[0-9a-f]{52}\b/g;

function textOf({ run_dir, proof, holdout, far_pct, findings, notes }: Audit): string {
  const { absolute, relative } = proof.tolerance;
  const figure = (value: number | undefined) => (value === undefined ? "-" : `${Number(value.toFixed(4))}%`);
  const lines = [
    `${run_dir} · ${proof.iteration}`,
    `${proof.rows} of ${proof.of_rows} rows scored again: ${proof.differing} differ (largest difference ` +
      `${proof.largest_difference}, tolerated ${absolute} + ${relative} of the score)`,
    `FAR recorded ${figure(far_pct)}, again ${figure(proof.far_pct)}`,
    ...(holdout === undefined
      ? []
      : [`frozen test set: ${holdout.rows} rows scored again with ${holdout.iteration}, ${holdout.differing} differ`]),
    ...(proof.program === undefined ? [] : [`scored by ${proof.program}`]),
    ...notes,
    ...findings.map(({ what, facts }) => `DIFFERENCE: ${what}: ${JSON.stringify(facts)}`),
    findings.length === 0 ? `Evidence: ${proof.level}` : "Evidence: none; the run is not what it says",
  ];
  return `${lines.join("\n")}\n`.replaceAll(longDigest, "$1…");
}
