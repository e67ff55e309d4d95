import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { decode, encode } from "jpeg-js";
import { streamOf } from "../../../engine/workspace/random.ts";
import type { GrayImage } from "../../../server/data/decode/gray-image.ts";
import { withHeadway } from "../../../server/data/headway.ts";
import { seenFiles } from "../../../server/data/image-index.ts";
import { withKeptImages } from "../../../server/data/kept-images.ts";
import { searchNewTwins } from "../../../server/data/process/image-batches.ts";
import { findTwins } from "../../../server/data/twins/find.ts";
import { fingerprintOf, orientations, perWindow, turned } from "../../../server/data/twins/fingerprint.ts";
import { type Candidate, candidates, goldenPlace, placeIn } from "../../../server/data/twins/search.ts";
import { candidatesOfNew } from "../../../server/data/twins/search-new.ts";
import { photograph, putGray } from "../../support/photographs.ts";

const side = 128;
const design = (name: string) => ({ name, style: "leads", side }) as const;
const shot = (name: string, at: string): GrayImage => ({
  width: side,
  height: side,
  data: photograph(design(name), at).gray,
});

type Point = (u: number, v: number) => readonly [number, number];

/** Takes the levels of another place for each pixel, in shares of the sides. */
function moved(image: GrayImage, place: Point, scale = 1): GrayImage {
  const { width, height, data } = image;
  const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
  const made = new Uint8Array(across * down);
  for (let at = 0; at < made.length; at++) {
    const [u, v] = place(((at % across) + 0.5) / across, (Math.floor(at / across) + 0.5) / down);
    const [x, y] = [
      Math.max(0, Math.min(width - 1.001, u * width - 0.5)),
      Math.max(0, Math.min(height - 1.001, v * height - 0.5)),
    ];
    const [left, top, dx, dy] = [Math.floor(x), Math.floor(y), x % 1, y % 1];
    const level = (column: number, row: number) => data[(top + row) * width + left + column] ?? 0;
    made[at] =
      (level(0, 0) * (1 - dx) + level(1, 0) * dx) * (1 - dy) + (level(0, 1) * (1 - dx) + level(1, 1) * dx) * dy;
  }
  return { width: across, height: down, data: made };
}

const levels = (image: GrayImage, change: (level: number) => number): GrayImage => ({
  ...image,
  data: image.data.map((level) => Math.max(0, Math.min(255, change(level)))),
});

function compressed(image: GrayImage, quality: number): GrayImage {
  const data = new Uint8Array(4 * image.data.length).fill(255);
  for (const [at, level] of image.data.entries()) data.fill(level, 4 * at, 4 * at + 3);
  const pixels = decode(encode({ ...image, data }, quality).data, { useTArray: true }).data;
  return { ...image, data: image.data.map((_, at) => pixels[4 * at] ?? 0) };
}

const changes: [string, (image: GrayImage) => GrayImage][] = [
  ["6 % brighter", (image) => levels(image, (level) => 1.06 * level)],
  ["of less contrast", (image) => levels(image, (level) => 30 + 0.7 * level)],
  ["turned by 90 degrees", (image) => moved(image, (u, v) => [v, 1 - u])],
  ["turned by 180 degrees", (image) => moved(image, (u, v) => [1 - u, 1 - v])],
  ["mirrored", (image) => moved(image, (u, v) => [1 - u, v])],
  ["transposed", (image) => moved(image, (u, v) => [v, u])],
  ["of another size", (image) => moved(image, (u, v) => [u, v], 1.4)],
  ["cut by a twentieth", (image) => moved(image, (u, v) => [0.02 + 0.95 * u, 0.03 + 0.95 * v], 0.95)],
  ["compressed again", (image) => compressed(image, 70)],
  [
    "turned, brighter and compressed",
    (image) =>
      compressed(
        levels(
          moved(image, (u, v) => [v, 1 - u]),
          (level) => 1.06 * level,
        ),
        85,
      ),
  ],
];

function laidBy(image: GrayImage, orientation: number): GrayImage {
  return moved(image, (u, v) => {
    const [x, y] = [orientation & 2 ? 1 - u : u, orientation & 4 ? 1 - v : v];
    return orientation & 1 ? [y, x] : [x, y];
  });
}

/** A board of one design: traces and pads that are drawn alike, each with a grain of its own. */
function ofOneDesign(board: string): GrayImage {
  const random = streamOf(1, "grain", board);
  const data = Uint8Array.from({ length: side * side }, (_, at) => {
    const [x, y] = [at % side, Math.floor(at / side)];
    const trace = 60 * Math.tanh(3 * Math.cos((2 * Math.PI * x) / 23));
    const pad = Math.hypot(x - 40, y - 70) < 22 ? 50 : 0;
    return Math.max(0, Math.min(255, 120 + trace + pad + 24 * (random() - 0.5)));
  });
  return { width: side, height: side, data };
}

/** A small picture of two rows of leads, as regular as those of any other board, with a grain of its own. */
function leads(board: string): GrayImage {
  const random = streamOf(1, "leads", board);
  const across = 64;
  const data = Uint8Array.from({ length: across * across }, (_, at) => {
    const [x, y] = [at % across, Math.floor(at / across)];
    const isLead = (x + 10) % 22 < 14 && (y < 25 || y > 47);
    return (isLead ? 70 : 170) + 10 * (random() - 0.5);
  });
  return { width: across, height: across, data };
}

const [used, held] = [placeIn(0, [1]), placeIn(1, [0])];

let folder = "";
const others: string[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deft-twins-"));
  for (let at = 0; at < 20; at++) others.push(await written(`other${at}.png`, shot(`other ${at}`, "a")));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(name: string, { width, data }: GrayImage): Promise<string> {
  const path = join(folder, name);
  await putGray(path, data, width);
  return path;
}

async function twinsOf(paths: readonly string[]) {
  return await findTwins(await seenFiles(paths));
}

describe("a changed copy of a photograph", () => {
  it.each(changes)("%s is found among other images, and nothing else", async (name, change) => {
    const photo = shot("board", "a");
    const copy = await written(`${name.replaceAll(/\W/g, "_")}.png`, change(photo));
    const found = await twinsOf([await written("board.png", photo), copy, ...others]);
    expect(found).toEqual([{ one: 0, other: 1, likeness: expect.any(Number) }]);
  });

  it("is told from a part of the same design, which the search thinks of and whose grain is another", async () => {
    const [one, other] = [ofOneDesign("one"), ofOneDesign("other")];
    expect([...candidates({ prints: [one, other].map((image) => fingerprintOf(image)) })].flat()).not.toEqual([]);
    expect(await twinsOf([await written("one.png", one), await written("other.png", other), ...others])).toEqual([]);
  });

  it("is told from another board's leads, which are as regular, where there are no edges", async () => {
    const one = leads("one");
    const copy = levels(compressed(one, 85), (level) => 1.06 * level);
    const images = [one, leads("other"), leads("third"), copy];
    expect([...candidates({ prints: images.map((image) => fingerprintOf(image)) })].flat().length).toBeGreaterThan(2);
    const paths = await Promise.all(images.map((image, at) => written(`leads${at}.png`, image)));
    expect(await twinsOf(paths)).toEqual([{ one: 0, other: 3, likeness: expect.any(Number) }]);
  });

  it("has no fingerprint where it is flat", () => {
    expect(fingerprintOf({ width: 40, height: 40, data: new Uint8Array(1600).fill(90) })).toBeUndefined();
  });
});

describe("a fingerprint", () => {
  it.each(orientations)("turned %d is that of the image laid so", (orientation) => {
    const photo = shot("board", "a");
    const picture = laidBy(photo, orientation);
    const whole = fingerprintOf(photo)?.subarray(0, perWindow) ?? new Int8Array();
    const seen = fingerprintOf(picture)?.subarray(0, perWindow) ?? new Int8Array();
    const differences = turned(whole, orientation).map((value, at) => Math.abs(value - (seen[at] ?? 0)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(2);
  });
});

it("searches many images by their neighbours in sorted order alone, and still finds the copy", () => {
  const many = Array.from({ length: 300 }, (_, at) => fingerprintOf(shot(`design ${at % 40}`, String(at))));
  const copy = fingerprintOf(levels(shot("design 7", "7"), (level) => 1.06 * level));
  const pairs = [...candidates({ prints: [...many, copy] })].flat();
  expect(pairs.filter(({ of, like }) => of === 300 && like === 7)).not.toEqual([]);
  expect(pairs.length).toBeLessThanOrEqual(2 * 301);
});

it("looks for new images among the others from either side, and for nothing else", () => {
  const many = Array.from({ length: 150 }, (_, at) => fingerprintOf(shot(`design ${at}`, "a")));
  const photo = shot("design 7", "a");
  const cut = moved(photo, (u, v) => [0.1 + 0.9 * v, 0.1 + 0.9 * u], 0.9);
  const prints = [...many, fingerprintOf(cut), fingerprintOf(moved(photo, (u, v) => [1 - u, v]))];
  const numbers = Int32Array.from([150, 151, ...prints.keys()]);
  const some = Array.from(numbers, (number) => prints[number]);
  const pairs = [...candidatesOfNew({ prints: some, numbers, fresh: 2 })].flat();
  const all = [...candidates({ prints })].flat().filter(({ of, like }) => of >= 150 || like >= 150);
  const likeness = expect.any(Number);
  expect(all).toContainEqual({
    of: 7,
    like: 150,
    orientation: 1,
    window: expect.any(Number),
    likeness,
    isApart: false,
  });
  expect(all).toContainEqual({ of: 151, like: 7, orientation: 2, window: 0, likeness, isApart: false });
  expect(pairs).toEqual(expect.arrayContaining(all));
  expect(pairs.every(({ of, like }) => of >= 150 || like >= 150)).toBe(true);
});

it.each(orientations)("finds a copy laid %d of a new image, and a new copy laid so of another", (orientation) => {
  const images = [shot("board", "a"), laidBy(shot("board", "a"), orientation), shot("other", "a")];
  const prints = images.map((image) => fingerprintOf(image));
  for (const fresh of [0, 1]) {
    const numbers = Int32Array.from([fresh, ...prints.keys()]);
    const pairs = [...candidatesOfNew({ prints: [prints[fresh], ...prints], numbers, fresh: 1 })].flat();
    expect(pairs).toContainEqual({
      of: 0,
      like: 1,
      orientation,
      window: 0,
      likeness: expect.any(Number),
      isApart: false,
    });
  }
});

it("finds of many new images in several processes what it finds of them in one", async () => {
  const prints = Array.from({ length: 60 }, (_, at) => fingerprintOf(shot(`design ${at % 25}`, "a")));
  const fresh = Array.from({ length: 20 }, (_, at) => 3 * at);
  const numbers = Int32Array.from([...fresh, ...prints.keys()]);
  const some = Array.from(numbers, (number) => prints[number]);
  const here = [...candidatesOfNew({ prints: some, numbers, fresh: fresh.length })].flat();
  const pairsOf = (found: readonly Candidate[]) => found.map(({ of, like }) => `${of} ${like}`).sort();
  const apart = await searchNewTwins({ prints }, fresh);
  expect(apart.length).toBeGreaterThan(20);
  expect(pairsOf(apart)).toEqual(pairsOf(here));
});

it("compares new images alone with those of an earlier search", async () => {
  const photo = shot("board", "a");
  const paths = [await written("kept.png", photo), ...others];
  const copies = [
    await written(
      "copy-1.png",
      levels(photo, (level) => 0.8 * level),
    ),
    await written(
      "copy-2.png",
      moved(photo, (u, v) => [v, u]),
    ),
  ];
  await setTimeout(120);
  const search = async (some: readonly string[]) => {
    const files = await seenFiles(some);
    const compared: string[] = [];
    const place = { env: { HOME: folder }, workspace: "/boards" };
    const found = await withHeadway(
      (what, _, total) => compared.push(`${total} ${what}`),
      () => withKeptImages(place, () => findTwins(files)),
    );
    const pairs = found.map(({ one, other }) => [some[one], some[other]].sort());
    return { compared: new Set(compared), pairs: pairs.sort() };
  };
  const first = await search([...paths, copies[0] as string]);
  expect(first.pairs).toEqual([[copies[0], paths[0]]]);
  const second = await search([copies[1] as string, ...paths, copies[0] as string]);
  expect(second.pairs).toHaveLength(3);
  expect([...second.compared]).toContain("1 images fingerprinted");
  const third = await search([...paths, ...copies]);
  expect(third).toEqual({ ...second, compared: new Set() });
  expect((await search([...others, ...copies])).pairs).toEqual([copies]);
});

it("finds a new golden image, and a new inspected one, among those alone that they may meet", async () => {
  const photo = shot("met", "a");
  const turnedOver = moved(photo, (u, v) => [1 - u, v]);
  const [golden, inspected] = [await written("golden.png", photo), await written("met.png", turnedOver)];
  await setTimeout(120);
  const search = async (some: readonly (readonly [path: string, place: number])[]) => {
    const files = await seenFiles(some.map(([path]) => path));
    const counts: string[] = [];
    const places = some.map(([, one]) => one);
    const found = await withHeadway(
      (what, done, total) => done === total && counts.push(`${total} ${what}`),
      () => withKeptImages(home, () => findTwins({ ...files, places, withGolden: true, name: "golden" })),
    );
    return { counts, pairs: found.map(({ one, other }) => [some[one]?.[0], some[other]?.[0]].sort()) };
  };
  const home = { env: { HOME: join(folder, "met") }, workspace: "/met" };
  const rest = others.map((path) => [path, used] as const);
  const [reference, part] = [[golden, used | goldenPlace] as const, [inspected, held] as const];
  expect((await search([...rest, part])).pairs).toEqual([]);
  const found = await search([...rest, part, reference]);
  expect(found.pairs).toEqual([[golden, inspected].sort()]);
  expect(found.counts).toContain("1 images fingerprinted");
  expect((await search([...rest, reference])).pairs).toEqual([]);
  expect(await search([part, ...rest, reference])).toMatchObject({ pairs: found.pairs });
});

it("finds what two sets share, however many copies each of them has", async () => {
  const photo = shot("burst", "a");
  const random = streamOf(1, "burst");
  const fields = Array.from({ length: 64 }, () => 24 * (random() - 0.5));
  const data = photo.data.map((level, at) => {
    const field = fields[8 * Math.floor(at / (16 * side)) + Math.floor((at % side) / 16)] ?? 0;
    return Math.max(0, Math.min(255, level + field));
  });
  const images = { used: photo, held: { ...photo, data } };
  const files: (readonly [path: string, place: number])[] = others.map((path) => [path, used]);
  for (const [at, set] of (["used", "held"] as const).entries()) {
    for (const share of [1, 0.99, 0.98]) {
      files.push([
        await written(
          `${set}-${share}.png`,
          levels(images[set], (level) => share * level),
        ),
        [used, held][at] ?? 0,
      ]);
    }
  }
  await setTimeout(120);
  const home = { env: { HOME: join(folder, "burst") }, workspace: "/burst" };
  const shared = async (some: typeof files, home: Parameters<typeof withKeptImages>[0]) => {
    const seen = await seenFiles(some.map(([path]) => path));
    const places = some.map(([, place]) => place);
    const found = await withKeptImages(home, () => findTwins({ ...seen, places, name: "burst" }));
    return found.filter(({ one, other }) => places[one] !== places[other]).length;
  };
  expect(await shared(files.slice(0, -3), home)).toBe(0);
  expect(await shared(files, home)).toBeGreaterThan(0);
  expect(await shared(files, { ...home, workspace: "/burst anew" })).toBeGreaterThan(0);
});

it("finds what two sets share, however many of one set lie between", () => {
  const photo = shot("between", "a");
  const copy = compressed(photo, 40);
  const near = Array.from({ length: 60 }, (_, at) => levels(photo, (level) => (0.94 + at / 1000) * level));
  const prints = [photo, ...near, copy].map((image) => fingerprintOf(image));
  const places = [...Array<number>(61).fill(used), held];
  const pairs = [...candidates({ prints, places })].flat();
  expect(pairs.filter(({ of }) => of === 0)).toContainEqual(expect.objectContaining({ like: 61, isApart: true }));
});

it.each([undefined, 0])("gives no place to images of two sets that may share what they like (new: %p)", (fresh) => {
  const [kpi, validation] = [placeIn(1, [0]), placeIn(2, [0])];
  const photo = shot("shared", "a");
  const near = Array.from({ length: 3 }, (_, at) => levels(photo, (level) => (0.97 + at / 100) * level));
  const prints = [photo, ...near, compressed(photo, 10)].map((image) => fingerprintOf(image));
  const places = [kpi, validation, validation, validation, used];
  const pairs =
    fresh === undefined
      ? [...candidates({ prints, places })].flat()
      : [
          ...candidatesOfNew({
            prints: [prints[fresh], ...prints],
            numbers: Int32Array.from([fresh, ...prints.keys()]),
            fresh: 1,
            places: [places[fresh] as number, ...places],
          }),
        ].flat();
  expect(pairs.filter(({ of }) => of === 0).map(({ like }) => like)).toEqual([4]);
});
