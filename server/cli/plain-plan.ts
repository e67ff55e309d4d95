/**
 * A plan as a person reads it at a terminal: its Markdown with tables as columns, values cut into lines of `width`
 * characters, and without the part that tells an agent how approvals work.
 */
export function plainPlan(markdown: string, width: number): string {
  const [plan = ""] = markdown.split("\n## Approval\n");
  const blocks = plan.trimEnd().split(/\n{2,}/);
  return `${blocks.map((block) => (block.startsWith("|") ? columns(block, width) : plain(block, width))).join("\n\n")}\n`;
}

function plain(block: string, width: number): string {
  const bare = block.replace(/^#+ /gm, "").replaceAll(/\*\*|`/g, "");
  return bare
    .split("\n")
    .map((line) => wrapped(line, width, "  "))
    .join("\n");
}

function columns(table: string, width: number): string {
  const [, , ...lines] = table.split("\n");
  const rows = lines.map((line) => cellsOf(line));
  const first = Math.max(...rows.map(([name = ""]) => name.length));
  return rows
    .map(([name = "", value = "", more = ""]) => {
      const told = more === "" || value.includes(more) ? value : `${value} (${more})`;
      const indent = " ".repeat(first + 4);
      return `  ${name.padEnd(first)}  ${wrapped(told, width - indent.length, indent)}`;
    })
    .join("\n");
}

/** Cells of a table row; a bar within one is escaped. */
function cellsOf(line: string): string[] {
  const cells = line.replace(/^\|\s*|\s*\|$/g, "").split(/\s*(?<!\\)\|\s*/);
  return cells.map((cell) => cell.replaceAll("\\|", "|").replaceAll(/\*\*|`/g, ""));
}

/** Broken at blanks where it is longer than `width`; the lines after the first are indented. */
function wrapped(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= Math.max(24, width))
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${indent}`);
}
