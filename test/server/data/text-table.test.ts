import { describe, expect, it } from "@jest/globals";
import { createNumberList } from "../../../server/data/number-list.ts";
import { createPathTable, createTextTable } from "../../../server/data/text-table.ts";
import { refusalOf } from "../../support/refusal.ts";

describe("a table of texts", () => {
  it("gives equal texts of one group one number, in the order of their first mention", () => {
    const table = createTextTable();
    const texts = Array.from({ length: 50_000 }, (_, at) => `b${at % 20_000}/C${at % 20_000}@1`);
    expect(texts.map((text) => table.numberOf(text))).toEqual(texts.map((_, at) => at % 20_000));
    expect(texts.slice(0, 20_000).map((_, at) => table.at(at))).toEqual(texts.slice(0, 20_000));
    expect(table.size()).toBe(20_000);
  });

  it("keeps groups apart and knows what is not there", () => {
    const table = createTextTable();
    expect([table.numberOf("a", 1), table.numberOf("a", 2), table.numberOf("a", 1)]).toEqual([0, 1, 0]);
    expect([table.groupOf(0), table.groupOf(1)]).toEqual([1, 2]);
    expect([table.find("a", 2), table.find("a", 3), table.find("b", 1)]).toEqual([1, -1, -1]);
    expect([table.size(), table.at(2), table.at(-1)]).toEqual([2, "", ""]);
  });

  it("holds every text whole: empty, long, of other scripts, and prefixes of one another", () => {
    const table = createTextTable();
    const texts = [
      "",
      "a",
      "ab",
      "良品",
      "a\u{1F600}",
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

it("paths are texts, whatever their shape", () => {
  const table = createPathTable();
  const paths = ["/a/b.jpg", "", "/", "b.jpg", "a/b.jpg", "/a/b/", "/a//b.jpg", "/a/b.jpg/c"];
  expect(paths.map((path) => table.numberOf(path))).toEqual([...paths.keys()]);
  expect(paths.map((path) => table.numberOf(path))).toEqual([...paths.keys()]);
  expect(paths.map((_, at) => table.at(at))).toEqual(paths);
  expect(["/a/b.jpg", "/a/", "c", "/c/b.jpg"].map(table.find)).toEqual([0, -1, -1, -1]);
  expect([table.size(), table.at(8), table.at(-1)]).toEqual([8, "", ""]);
});

it("more text than is promised is refused", async () => {
  const table = createTextTable(10);
  table.numberOf("12345678");
  expect((await refusalOf(async () => table.numberOf("1234"))).code).toBe("input.too-many-rows");
});

it("a list of numbers holds what was added and what was changed", () => {
  const list = createNumberList();
  for (let at = 0; at < 5000; at++) list.push(at * 3);
  list.set(7, -1);
  expect([list.length, list.at(7), list.at(4999), list.all().length]).toEqual([5000, -1, 14_997, 5000]);
});
