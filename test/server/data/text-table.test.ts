import { describe, expect, it } from "@jest/globals";
import {
  createNumberList,
  createNumberSet,
  createPackedList,
  createSparseList,
} from "../../../server/data/number-list.ts";
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

it.each([2000, 400_000])("a table of %d texts that rests knows them, and numbers on", (count) => {
  const table = createNameTable();
  const names = Array.from({ length: count }, (_, at) => `C${at}`);
  for (const [at, name] of names.entries()) table.numberOf(at % 3, name);
  table.rest();
  expect([table.nameOf(count - 1), table.size()]).toEqual([`C${count - 1}`, count]);
  expect(names.every((name, at) => table.find(at % 3, name) === at)).toBe(true);
  expect([table.find(0, "C1"), table.numberOf(0, "C1"), table.numberOf(1, "C1")]).toEqual([-1, count, 1]);
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

describe("a packed list", () => {
  const most = 2 ** 31 - 1;
  const bases = [0, 7, -5, most, -most - 1];

  it.each(bases)("holds numbers of every distance from %d", (base) => {
    const list = createPackedList();
    const expected: number[] = [];
    for (let width = 0; width <= 32; width++) {
      for (let at = 0; at < 64; at++) {
        const beyond = Math.floor(((at * 0.618033988749895) % 1) * 2 ** width);
        expected.push(base + (base > 0 && base + 2 ** width > most ? -1 : 1) * beyond);
        if (base === -5 && width === 32) expected[expected.length - 1] = at % 2 === 0 ? most : -most - 1;
      }
    }
    const inRange = expected.filter((value) => value >= -most - 1 && value <= most);
    for (const value of inRange) list.push(value);
    expect(list.length).toBe(inRange.length);
    expect([...list]).toEqual(inRange);
    expect(inRange.map((_, at) => list.at(at))).toEqual(inRange);
  });

  it("holds what fills no pack, and more than one chunk", () => {
    const list = createPackedList();
    for (let at = 0; at < 300_001; at++) list.push((at * 7919) % 1_000_003);
    const wrong = Array.from({ length: 300_001 }, (_, at) => at).filter(
      (at) => list.at(at) !== (at * 7919) % 1_000_003,
    );
    expect([list.length, wrong]).toEqual([300_001, []]);
  });
});

it.each([0, 10, 9000])("a set of numbers that began with room for %d holds each once", (size) => {
  const [set, expected] = [createNumberSet(size), new Set<number>()];
  for (let at = 0; at < 5000; at++) {
    const number = (at * at) % 9001;
    expect(set.add(number)).toBe(!expected.has(number));
    expected.add(number);
  }
  expect(set.size()).toBe(expected.size);
  expect([set.has(1), set.has(8), set.has(10_000_000)]).toEqual([true, expected.has(8), false]);
});

it("a sparse list has a number at more places than a Map has keys, and none at the others", () => {
  const list = createSparseList();
  for (let place = 0; place < 2 ** 24 + 2; place++) list.set(place, place >>> 1);
  list.set(2 ** 26, 7);
  list.set(5, -1);
  const places = [0, 4, 5, 2 ** 24 + 1, 2 ** 24 + 2, 2 ** 25, 2 ** 26, 2 ** 26 + 1];
  expect(places.map(list.at)).toEqual([0, 2, -1, 2 ** 23, -1, -1, 7, -1]);
});
