import { scriptText } from "./markup.ts";
import type { ContactSheet, Gallery } from "./model.ts";

/** What templates/gallery.js reads: a row is an array, and texts that rows share are numbers into `texts`. */
export function galleryData({ iterations, rows, pictures }: Gallery) {
  const numbers = new Map<string, number>();
  const texts: string[] = [];
  const numberOf = (text: string) => {
    const shown = scriptText(text);
    const at = numbers.get(shown) ?? texts.push(shown) - 1;
    numbers.set(shown, at);
    return at;
  };
  return {
    iterations: iterations.map(({ label, threshold }) => ({ label, threshold })),
    rows: rows.map(({ name, label, board, component, defective, scores, test, golden }) => [
      scriptText(name),
      numberOf(label),
      numberOf(board),
      numberOf(component),
      defective ? 1 : 0,
      scores,
      test ?? -1,
      golden ?? -1,
    ]),
    texts,
    pictures,
  };
}

/** What templates/sheet.js reads. */
export function sheetData({ sheets, pictures }: ContactSheet) {
  return {
    sheets: sheets.map(({ iteration, kind, rule, images, not_shown }) => ({
      ...{ iteration, kind, rule, not_shown },
      images: images.map(({ label, name, like, ...rest }) => ({
        ...{ ...rest, label: scriptText(label), name: scriptText(name) },
        ...(like === undefined ? {} : { like: { label: scriptText(like.label), name: scriptText(like.name) } }),
      })),
    })),
    pictures,
  };
}
