import { describe, expect, it } from "@jest/globals";
import { createNumberList } from "../../../server/data/number-list.ts";
import { createNameTable, createPathTable } from "../../../server/data/path-table.ts";
import { createTextTable } from "../../../server/data/text-table.ts";
import { refusalOf } from "../../support/refusal.ts";

describe("a table of texts", () => {
  it("gives equal texts of one group one number, in the order of their first mention", () => {
    const table = createTextTable();
    const texts = Array.from({ length: 50_000 }, (_, at) => `b${at % 20_000}/C${at % 20_000}@1`);
    expect(texts.map((text) => table.numberOf(text))).toEqual(texts.map((_, at) => at % 20_000));
    expect(texts.slice(0, 20_000).map((_, at) => table.at(at))).toEqual(texts.slice(0, 20_000));
    expect(table.size()).toBe(20_000);
  });

  it("knows what is not there", () => {
    const table = createTextTable();
    table.numberOf("a");
    expect([table.find("a"), table.find("b"), table.at(1), table.at(-1), table.size()]).toEqual([0, -1, "", "", 1]);
  });

  it("holds every text whole: empty, long, of other scripts, and prefixes of one another", () => {
    const table = createTextTable();
    const texts = [
      "",
      "a",
      "ab",
      "良品",
      "a\u{1F600}",
      ...[253, 254, 255, 256].map((length) => "w".repeat(length)),
      "x".repeat(5 << 20),
      "y".repeat(4 << 20),
      "é".repeat(3000),
      "z",
    ];
    const numbers = texts.map((text) => table.numberOf(text));
    expect(numbers).toEqual(texts.map((_, at) => at));
    expect(numbers.map(table.at)).toEqual(texts);
    expect(texts.map((text) => table.find(text))).toEqual(numbers);
  });
});

describe("a table of names in directories", () => {
  it("gives equal pairs one number, in the order of their first mention", () => {
    const table = createNameTable();
    const pairs = Array.from({ length: 50_000 }, (_, at) => [at % 199, `C${at % 101}`] as const);
    const mentions = [...new Set(pairs.map(String))];
    const places = new Map(mentions.map((pair, at) => [pair, at]));
    const expected = pairs.map((pair) => places.get(String(pair)));
    expect(pairs.map(([directory, name]) => table.numberOf(directory, name))).toEqual(expected);
    expect(table.size()).toBe(199 * 101);
    expect(pairs.map((_, at) => table.directoryOf(expected[at] ?? -1))).toEqual(pairs.map(([directory]) => directory));
    expect(pairs.map((_, at) => table.nameOf(expected[at] ?? -1))).toEqual(pairs.map(([, name]) => name));
  });

  it("keeps directories apart and knows what is not there", () => {
    const table = createNameTable();
    expect([table.numberOf(1, "a"), table.numberOf(2, "a"), table.numberOf(1, "a")]).toEqual([0, 1, 0]);
    expect([table.numberOf(3, ""), table.find(3, ""), table.nameOf(2)]).toEqual([2, 2, ""]);
    expect([table.find(2, "a"), table.find(3, "a"), table.find(1, "b")]).toEqual([1, -1, -1]);
    expect([table.size(), table.nameOf(3), table.nameOf(-1)]).toEqual([3, "", ""]);
  });
});

it("paths are texts, whatever their shape", () => {
  const table = createPathTable();
  const paths = ["/a/b.jpg", "", "/", "b.jpg", "a/b.jpg", "/a/b/", "/a//b.jpg", "/a/b.jpg/c"];
  expect(paths.map((path) => table.numberOf(path))).toEqual([...paths.keys()]);
  expect(paths.map((path) => table.numberOf(path))).toEqual([...paths.keys()]);
  expect(paths.map((_, at) => table.at(at))).toEqual(paths);
  expect(["/a/b.jpg", "/a/", "c", "/c/b.jpg"].map(table.find)).toEqual([0, -1, -1, -1]);
  expect([table.size(), table.at(8), table.at(-1)]).toEqual([8, "", ""]);
});

it("more text than is promised is refused, and leaves no trace", async () => {
  const table = createTextTable(10);
  table.numberOf("12345678");
  expect((await refusalOf(async () => table.numberOf("1234"))).code).toBe("input.too-many-rows");
  expect([table.size(), table.find("1234"), table.numberOf("12345678"), table.numberOf("12")]).toEqual([1, -1, 0, 1]);
  expect([table.at(0), table.at(1)]).toEqual(["12345678", "12"]);
});

it("a list of numbers holds what was added and what was changed", () => {
  const list = createNumberList();
  for (let at = 0; at < 5000; at++) list.push(at * 3);
  list.set(7, -1);
  expect([list.length, list.at(7), list.at(4999), list.all().length]).toEqual([5000, -1, 14_997, 5000]);
});
