import { looksNumeric, readsAsMissing } from "../run/pass-labels.ts";

/** What data sets of several sources call a good part; blanks, hyphens and underscores are one. */
const goodWords: ReadonlySet<string> = new Set([
  ...["pass", "passed", "good", "ok", "okay", "normal", "accept", "accepted", "conform", "conforming", "clean", "none"],
  ...["healthy", "fine", "no defect", "no defects", "nodefect", "non defective", "nondefective", "not defective"],
  ...["defect free", "without defect", "no anomaly", "no fault", "non anomalous", "golden", "reference", "negative"],
  ...["io", "i.o.", "gut", "bon", "bueno", "合格", "良品", "良", "正常", "양품", "정상"],
]);

function plain(label: string): string {
  return label
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, " ");
}

/** Decides which labels mean a good part: the known words, `0` of numbers, and what the person named. */
export function goodTest(named: readonly string[]): (label: string) => boolean {
  const more = new Set(named.map(plain));
  return (label) => more.has(plain(label)) || (named.length === 0 && isGoodWord(label));
}

/** Whether a label reads like a good part by itself. */
export function isGoodWord(label: string): boolean {
  return goodWords.has(plain(label)) || /^0+(?:\.0*)?$/.test(label.trim());
}

/**
 * The label of a defect as the loop writes it: lower case, no blanks, and nothing that a loader reads as a number or as
 * missing, or that a file name or `TEXTURE+TYPE` cannot hold.
 */
export function defectLabel(label: string): string {
  const name = label
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}.]+/gu, "-")
    .replaceAll(/^[-.]+|[-.]+$/g, "");
  return name === "" || looksNumeric(name) || readsAsMissing(name) ? `defect-${name || "unnamed"}` : name;
}
