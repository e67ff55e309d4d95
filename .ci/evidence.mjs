/**
 * Prints what the tests of one gate run proved: tricks, kills, writers, fuzz cases. A figure that no test noted is
 * absent, never 0.
 *
 * Usage: node .ci/evidence.mjs RED_TEAM_REPORT FIGURES
 */
import { existsSync, readFileSync } from "node:fs";

const [redTeam = "", figures = ""] = process.argv.slice(2);

const tricks = existsSync(redTeam) ? JSON.parse(readFileSync(redTeam, "utf8")) : undefined;
const lines = existsSync(figures)
  ? readFileSync(figures, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
  : [];

/** The sum of a figure over everything that was noted under a name. */
function sum(what, name) {
  const noted = lines.filter((line) => line.what === what && typeof line[name] === "number");
  return noted.length === 0 ? "absent" : noted.reduce((total, line) => total + line[name], 0);
}

const rows = [
  ["tricks tried", tricks?.tried],
  ["tricks refused or seen", tricks?.caught],
  ["tricks missed", tricks?.missed.length],
  ["kills survived", sum("kills", "survived")],
  ["entries lost to kills", sum("kills", "lost")],
  ["entries doubled by kills", sum("kills", "doubled")],
  ["writes refused by a failing disk", sum("disk", "refused")],
  ["commits by eight writers", sum("writers", "commits")],
  ["entries lost by writers", sum("writers", "lost")],
  ["entries doubled by writers", sum("writers", "doubled")],
  ["kills of a submit to SLURM", sum("slurm kills", "kills")],
  ["jobs lost by them", sum("slurm kills", "lost")],
  ["jobs started twice by them", sum("slurm kills", "twice")],
  ["fuzz cases", sum("fuzz", "cases")],
  ["fuzz crashes", sum("fuzz", "crashes")],
];
for (const [name, value] of rows) process.stdout.write(`${name.padEnd(34)} ${String(value ?? "absent").padStart(8)}\n`);
