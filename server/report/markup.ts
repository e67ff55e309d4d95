const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
};

/** Text that is safe inside an element and inside a quoted attribute. Control characters are shown as `�`. */
export function escapeHtml(text: string): string {
  return text.replaceAll(unprintable, "\u{fffd}").replaceAll(/[&<>"']/g, (sign) => entities[sign] ?? sign);
}

/**
 * Text that comes from data (a label, a file name, a summary): escaped, cut to `limit` characters, and isolated, so
 * that right-to-left text and direction marks change nothing around it.
 */
export function dataText(value: unknown, limit = 300): string {
  const text = typeof value === "string" ? value : value === undefined ? "–" : (JSON.stringify(value) ?? "–");
  const shown = text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
  return `<bdi>${escapeHtml(shown)}</bdi>`;
}

/** Like `dataText`, for attributes, where no element can isolate: direction marks are dropped. */
export function attributeText(value: string, limit = 300): string {
  const plain = value.replaceAll(directionMarks, "");
  return escapeHtml(plain.length <= limit ? plain : `${plain.slice(0, limit - 1)}…`);
}

/** Text from data for a script that shows it as text: no control, no direction mark, cut. */
export function scriptText(value: string, limit = 120): string {
  return value.replaceAll(unprintable, "\u{fffd}").replaceAll(directionMarks, "").slice(0, limit);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
const unprintable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]|\p{Surrogate}/gu;
const directionMarks = /[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]/g;
