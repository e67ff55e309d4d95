/**
 * Controls but tab and line feed (an escape sequence moves a terminal's cursor), and marks that turn, hide or break text
 * for its reader: directions, zero widths, other line ends.
 */
const hidden =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/gu;

/**
 * Text as a person or an agent is to see it: what acts on a terminal or hides from a reader stands there as its escape,
 * `\u001b`. JSON text stays the same JSON.
 */
export function visible(text: string): string {
  return text.replace(hidden, (sign) =>
    Array.from({ length: sign.length }, (_, at) => `\\u${sign.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** The same on one line: text from data cannot begin a line of its own and pass for one of ours. */
export function oneLine(text: string): string {
  return visible(text).replaceAll("\n", "\\n");
}
