/** Built from text, because a control character may not stand in a regular expression literal. */
const ansi = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, "g");

/** Lines of a TAO log: its wrapper ends most lines with CR alone, and colours them (tao-stages 2.1). */
export function logLines(text: string): string[] {
  return text
    .replaceAll(ansi, "")
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== "");
}

/**
 * The entry point's own verdict: `FAIL` if any line says so, `PASS` if one does and none says FAIL, else `absent`.
 *
 * Older images print FAIL and still exit 0, so the exit code alone proves nothing.
 */
export function executionVerdict(text: string): "PASS" | "FAIL" | "absent" {
  let verdict: "PASS" | "absent" = "absent";
  for (const [, status] of text.replaceAll(ansi, "").matchAll(/Execution status:[^\S\r\n]*([A-Z]+)/g)) {
    if (status === "FAIL") return "FAIL";
    if (status === "PASS") verdict = "PASS";
  }
  return verdict;
}
