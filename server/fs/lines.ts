/**
 * The lines of a text with their numbers, the first being 1; blank ones are left out. One at a time: a file of nothing
 * but line ends would fill the memory as a list.
 */
export function* linesIn(text: string): Generator<readonly [line: string, number: number]> {
  for (let from = 0, number = 1; from < text.length; number++) {
    const at = text.indexOf("\n", from);
    const end = at < 0 ? text.length : at;
    if (end > from) {
      const line = text.slice(from, end);
      if (line.trim() !== "") yield [line, number];
    }
    from = end + 1;
  }
}
