/** Why a text is not a table; `line` is the physical line, the first being 1. */
export class CsvFault extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** Longest record in characters; beyond it a quote was left open or the file is no table. */
const recordLimit = 1 << 20;

const quote = 34;
const comma = 44;
const lineFeed = 10;
const carriageReturn = 13;

/** Called once a record, with the physical line on which it starts. */
export type OnRecord = (cells: string[], line: number) => void;

export type CsvScanner = { push(text: string): void; end(): void };

/**
 * Splits comma separated text, given in pieces, into records: the dialect of Python's `csv` and of pandas.
 *
 * Records end with LF, CRLF or CR; quoted cells keep commas, line ends and doubled quotes; a quote inside an unquoted
 * cell is an ordinary character, and text after a closing quote is appended. Empty lines are no records.
 *
 * @throws CsvFault for a quote left open, a record beyond 1 MiB or a NUL character.
 */
export function csvScanner(onRecord: OnRecord): CsvScanner {
  let held = "";
  let line = 1;

  const consume = (text: string, last: boolean): void => {
    let at = 0;
    while (at < text.length) {
      const record = scanRecord(text, at, last);
      if (record === undefined) break;
      if (record.cells !== undefined) onRecord(record.cells, line);
      line += record.lines;
      at = record.next;
    }
    held = text.slice(at);
    if (held.length > recordLimit) throw new CsvFault(line, "a row is longer than 1 MiB; a quote may be left open");
  };

  return {
    push(text) {
      const nul = text.indexOf("\0");
      if (nul >= 0) throw new CsvFault(line + countLines(text, nul), "holds NUL bytes, so it is no UTF-8 text");
      consume(held.length === 0 ? text : held + text, false);
    },
    end() {
      consume(held, true);
      if (held.length > 0) throw new CsvFault(line, "a quote is never closed");
    },
  };
}

type ScannedRecord = { cells: string[] | undefined; next: number; lines: number };

/** One record from `start`, or undefined when the text ends before the record does. An empty line has no cells. */
function scanRecord(text: string, start: number, last: boolean): ScannedRecord | undefined {
  const cells: string[] = [];
  const length = text.length;
  let lines = 1;
  let at = start;
  for (;;) {
    let cell: string;
    if (at < length && text.charCodeAt(at) === quote) {
      const quoted = scanQuoted(text, at);
      if (quoted === undefined || (quoted.next >= length && !last)) return undefined;
      lines += quoted.lines;
      cell = quoted.cell;
      at = quoted.next;
    } else {
      const from = at;
      at = cellEnd(text, at);
      if (at >= length && !last) return undefined;
      cell = text.slice(from, at);
    }
    cells.push(cell);
    if (at < length && text.charCodeAt(at) === comma) {
      at++;
      continue;
    }
    const next = afterLineEnd(text, at);
    // A CR as the last character of a piece may be half of a CRLF.
    if (next === length && !last && text.charCodeAt(at) === carriageReturn) return undefined;
    const empty = cells.length === 1 && at === start;
    return { cells: empty ? undefined : cells, next, lines };
  }
}

function cellEnd(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === comma || code === lineFeed || code === carriageReturn) break;
  }
  return at;
}

function afterLineEnd(text: string, at: number): number {
  if (at >= text.length) return at;
  return text.charCodeAt(at) === carriageReturn && text.charCodeAt(at + 1) === lineFeed ? at + 2 : at + 1;
}

/** A cell that opens with a quote at `open`; undefined when the closing quote is not in the text. */
function scanQuoted(text: string, open: number): { cell: string; next: number; lines: number } | undefined {
  let cell = "";
  let from = open + 1;
  let lines = 0;
  for (;;) {
    const close = text.indexOf('"', from);
    if (close < 0) return undefined;
    const part = text.slice(from, close);
    lines += countLines(part, part.length);
    cell += part;
    if (text.charCodeAt(close + 1) === quote) {
      cell += '"';
      from = close + 2;
      continue;
    }
    const next = cellEnd(text, close + 1);
    return { cell: cell + text.slice(close + 1, next), next, lines };
  }
}

/** Line ends in the first `until` characters: LF, CRLF and CR count once each. */
function countLines(text: string, until: number): number {
  let count = 0;
  for (let at = 0; at < until; at++) {
    const code = text.charCodeAt(at);
    if (code === lineFeed || (code === carriageReturn && text.charCodeAt(at + 1) !== lineFeed)) count++;
  }
  return count;
}
