import { quoted } from "../../errors.ts";
import { counted } from "../../run/counted.ts";
import { isPass } from "../../run/pass-labels.ts";
import type { SetFinding } from "./finding.ts";

/** What data sets of several sources call a good part; blanks, hyphens and underscores are one. */
const goodWords: ReadonlySet<string> = new Set([
  ...["good", "ok", "okay", "o.k.", "pass", "passed", "normal", "accept", "accepted", "conform", "conforming", "clean"],
  ...["healthy", "fine", "none", "no defect", "no defects", "nodefect", "no fault", "no anomaly", "no error"],
  ...["non defective", "nondefective", "not defective", "non anomalous", "defect free", "without defect"],
  ...["without defects", "true ok", "negative", "golden", "reference"],
  ...["io", "i.o.", "gut", "bon", "bueno", "good part", "good sample", "合格", "良品", "良", "正常", "양품", "정상"],
]);

/** A label as it is compared: blanks, hyphens and underscores are one, case is none. */
export function plainLabel(label: string): string {
  return label
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, " ");
}

/** Whether a label reads like a good part by itself: a known word, or a zero. */
export function isGoodWord(label: string): boolean {
  return goodWords.has(plainLabel(label)) || /^[+-]?0+(?:\.0*)?$/.test(label.trim());
}

/**
 * Labels that count as defects although they read like good parts.
 *
 * @param counts rows by label as written
 * @param passLabel the label of good parts, compared without case and blanks around it
 */
export function labelFindings(counts: ReadonlyMap<string, number>, passLabel = "PASS"): SetFinding[] {
  const pass = passLabel.trim().toUpperCase();
  const found = [...counts].filter(([label]) => label.trim().toUpperCase() !== pass && isGoodWord(label));
  return found.map(([label, count]) => ({
    code: "gate.label-word",
    weight: "warning",
    count,
    text: `${quoted(label)} reads like ${quoted(pass)} but counts as a defect in ${counted(count, "row")}`,
    examples: [{ label, rows: count }],
  }));
}

/** Rows of good parts alone or of defects alone: neither FAR nor recall has a value on them. */
export function oneClassFinding(counts: ReadonlyMap<string, number>): SetFinding[] {
  const labels = [...counts.keys()];
  const pass = labels.filter(isPass).length;
  if (pass > 0 && pass < labels.length) return [];
  const likely = likelyPassLabel(counts);
  const meant = pass > 0 || likely === undefined ? "" : `; ${quoted(likely)} reads like PASS`;
  const text = `all rows are ${pass > 0 ? "PASS" : "defects"}, so FAR and recall have no value on them${meant}`;
  const count = [...counts.values()].reduce((sum, rows) => sum + rows, 0);
  return [{ code: "metric.undefined", weight: "warning", count, text, examples: [labelFacts(counts)] }];
}

/** Rows by label, as many as there are labels up to a bearable number. */
export function labelFacts(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1]).slice(0, 12));
}

/** The label that was probably meant for good parts, when none of the rows has the expected one. */
export function likelyPassLabel(counts: ReadonlyMap<string, number>): string | undefined {
  return [...counts.keys()].find((label) => !isPass(label) && isGoodWord(label));
}
