import { execFileSync } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { csvPieces, readTable, scanTable, tableRows, writeTable } from "../../../server/data/csv.ts";
import { csvScanner } from "../../../server/data/csv-scanner.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { leftOpenBy } from "../../support/open-files.ts";
import { refusalOf } from "../../support/refusal.ts";

const folder = temporaryFolders();

async function fileOf(content: string | Uint8Array): Promise<string> {
  const path = join(await folder(), "table.csv");
  await writeFile(path, content);
  return path;
}

function scan(pieces: readonly string[]): { rows: string[][]; lines: number[] } {
  const rows: string[][] = [];
  const lines: number[] = [];
  const scanner = csvScanner((cells, line) => {
    rows.push(cells);
    lines.push(line);
  });
  for (const piece of pieces) scanner.push(piece);
  scanner.end();
  return { rows, lines };
}

describe("reading a table", () => {
  it("closes the file when somebody needs no more of it", async () => {
    const path = await fileOf("a,b\n1,2\n3,4\n");
    const first = async () => {
      for await (const { cells } of tableRows(path)) return cells;
    };
    expect(await first()).toEqual(["1", "2"]);
    expect(await leftOpenBy(first)).toBeLessThan(10);
  });

  it("keeps quoted commas, line ends and quotes, and knows the physical line of each row", async () => {
    const path = await fileOf('a,b\r\n1,"x,\n""y"""\r\n\r\n2,0402 1" cap\rlast,');
    expect(await readTable(path)).toEqual({
      header: ["a", "b"],
      rows: [
        ["1", 'x,\n"y"'],
        ["2", '0402 1" cap'],
        ["last", ""],
      ],
      lines: [2, 5, 6],
      bom: false,
    });
  });

  it("tolerates a byte order mark and reports it", async () => {
    expect(await readTable(await fileOf("\uFEFFa,b\n1,2\n"))).toMatchObject({ header: ["a", "b"], bom: true });
  });

  it("reads a header without rows", async () => {
    expect(await readTable(await fileOf("a,b"))).toMatchObject({ header: ["a", "b"], rows: [] });
  });

  it.each([
    ["an empty file", "", "empty"],
    ["blank lines only", "\n\n", "empty"],
    ["semicolons", "a;b;c\n1;2;3\n", "not separated by commas"],
    ["tabs", "a\tb\n1\t2\n", "not separated by commas"],
    ["two columns of one name", "a,b,a\n1,2,3\n", "same name"],
    ["a short row", "a,b\n1,2\n3\n", "line 3: 1 cells where the header has 2"],
    ["a long row", "a,b\n1,2,3\n", "line 2: 3 cells where the header has 2"],
    ["an open quote", 'a,b\n1,2\n"3,4\n5,6\n', "line 3: a quote is never closed"],
    ["NUL bytes", "a,b\n1,2\n3,\0\n", "line 3: holds NUL"],
    ["UTF-16 with its mark", Buffer.from("\uFEFFa,b\n1,2\n", "utf16le"), "UTF-16"],
    ["UTF-16 without a mark", Buffer.from("a,b\n1,2\n", "utf16le"), "NUL"],
    ["Latin-1", Buffer.from("a,b\n1,\xe9\n", "latin1"), "not valid UTF-8"],
    ["UTF-8 cut in a character", Buffer.from("a,b\n1,é").subarray(0, -1), "not valid UTF-8"],
    ["a line of 10 MB", `a,b\n1,${"x".repeat(10_000_000)}\n`, "longer than 1 MiB"],
    ["an open quote before 10 MB", `a,b\n1,"${"x\n".repeat(5_000_000)}`, "line 2: a row is longer than 1 MiB"],
  ])("refuses %s, naming the line", async (_, content, message) => {
    const refusal = await refusalOf(async () => readTable(await fileOf(content)));
    expect(refusal.code).toBe("input.bad-csv");
    expect(refusal.message).toContain(message);
  });

  it("refuses a directory, a FIFO and an absent file without waiting", async () => {
    const directory = await folder();
    const fifo = join(directory, "fifo");
    execFileSync("mkfifo", [fifo]);
    for (const path of [directory, fifo, join(directory, "absent.csv"), "/dev/null"]) {
      expect((await refusalOf(() => readTable(path))).code).toBe("input.unreadable-file");
    }
  });

  it("refuses a file without read permission", async () => {
    const path = await fileOf("a,b\n");
    await chmod(path, 0o000);
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(65534);
    try {
      expect((await refusalOf(() => readTable(path))).code).toBe("input.unreadable-file");
    } finally {
      if (root) process.seteuid?.(0);
    }
  });

  it("hands out rows of a large file without keeping them", async () => {
    const path = await fileOf(`a,b\n${'1,"two\n"\n'.repeat(200_000)}`);
    let sum = 0;
    let lastLine = 0;
    const facts = await scanTable(path, () => (cells, line) => {
      sum += Number(cells[0]);
      lastLine = line;
    });
    expect([facts.rows, sum, lastLine]).toEqual([200_000, 200_000, 400_000]);
  });
});

describe("writing a table", () => {
  it("quotes only where it must and ends every line with LF", async () => {
    const path = join(await folder(), "out.csv");
    await writeTable(
      path,
      ["a", "b"],
      [
        ["x y", 'say "a,b"'],
        ["", "two\nlines"],
      ],
    );
    expect(await readFile(path, "utf8")).toBe('a,b\nx y,"say ""a,b"""\n,"two\nlines"\n');
  });

  it("is read back as it was, wherever the text is cut into pieces", () => {
    const cell = fc.string({ unit: fc.constantFrom("a", "é", ",", '"', "\n", "\r", " ", ";"), maxLength: 5 });
    const table = fc
      .integer({ min: 1, max: 4 })
      .chain((width) =>
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 5 }),
      );
    fc.assert(
      fc.property(table, fc.array(fc.nat(60), { maxLength: 4 }), (rows, cuts) => {
        const text = [...csvPieces(rows[0] ?? [], rows.slice(1))].join("");
        const ends = [...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
        const pieces = ends.map((end, at) => text.slice(ends[at - 1] ?? 0, end));
        expect(scan(pieces).rows).toEqual(rows);
      }),
      { numRuns: 2000 },
    );
  });

  it("a text gives the same rows and lines in one piece and in many", () => {
    const text = fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", "\r", "\r\n", "b"), maxLength: 30 });
    const attempt = (pieces: readonly string[]) => {
      try {
        return scan(pieces);
      } catch (error) {
        return String(error);
      }
    };
    fc.assert(
      fc.property(text, (whole) => expect(attempt([...whole])).toEqual(attempt([whole]))),
      { numRuns: 5000 },
    );
  });
});
