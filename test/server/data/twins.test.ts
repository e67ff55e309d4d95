import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { decode, encode } from "jpeg-js";
import type { GrayImage } from "../../../server/data/decode/gray-image.ts";
import { fieldsOf, grainLikeness, laid } from "../../../server/data/twins/alignment.ts";
import { findTwins, likenessToTell } from "../../../server/data/twins/find.ts";
import { fingerprintOf, orientations, perWindow, turned } from "../../../server/data/twins/fingerprint.ts";
import { candidates } from "../../../server/data/twins/search.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { photograph, putGray } from "../../support/photographs.ts";

const newFolder = temporaryFolders();
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

/** The best agreement that the search finds between two images among others, 0 where it does not think of them. */
function likenessAmong(one: GrayImage, other: GrayImage): number {
  const others = Array.from({ length: 30 }, (_, at) => shot(`other ${at}`, "a"));
  const images = [one, other, ...others];
  const pairs = [...candidates(images.map(fingerprintOf))].flat();
  const meant = pairs.filter(({ of, like }) => of + like === 1);
  const found = meant.map(({ of, like, orientation, window }) => {
    if (window !== 0) return 0;
    const [part, whole] = [images[of], images[like]].map((image) => fieldsOf(image ?? one));
    return grainLikeness(whole ?? fieldsOf(one), laid(part ?? fieldsOf(one), orientation), { x: 0, y: 0, side: 1 });
  });
  return Math.max(0, ...found);
}

describe("a changed copy of a photograph", () => {
  it.each(changes)("%s is found and agrees in its grain", (_, change) => {
    const photo = shot("board", "a");
    expect(likenessAmong(photo, change(photo))).toBeGreaterThan(likenessToTell);
  });

  it("is told from a second photograph of the same design, which is thought of and does not agree", () => {
    const pairs = [...candidates(["a", "b"].map((at) => fingerprintOf(shot("board", at))))].flat();
    expect(pairs.length).toBeGreaterThan(0);
    expect(likenessAmong(shot("board", "a"), shot("board", "b"))).toBeLessThan(likenessToTell / 2);
  });

  it("has no fingerprint where it is flat", () => {
    expect(fingerprintOf({ width: 40, height: 40, data: new Uint8Array(1600).fill(90) })).toBeUndefined();
  });
});

describe("a fingerprint", () => {
  it.each(orientations)("turned %d is that of the image laid so", (orientation) => {
    const photo = shot("board", "a");
    const picture = moved(photo, (u, v) => {
      const [x, y] = [orientation & 2 ? 1 - u : u, orientation & 4 ? 1 - v : v];
      return orientation & 1 ? [y, x] : [x, y];
    });
    const whole = fingerprintOf(photo)?.subarray(0, perWindow) ?? new Int8Array();
    const seen = fingerprintOf(picture)?.subarray(0, perWindow) ?? new Int8Array();
    const differences = turned(whole, orientation).map((value, at) => Math.abs(value - (seen[at] ?? 0)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(2);
  });
});

it("searches many images by their neighbours in sorted order alone, and still finds the copy", () => {
  const many = Array.from({ length: 600 }, (_, at) => fingerprintOf(shot(`design ${at % 40}`, String(at))));
  const copy = fingerprintOf(levels(shot("design 7", "7"), (level) => 1.06 * level));
  const pairs = [...candidates([...many, copy])].flat();
  expect(pairs.filter(({ of, like }) => of === 600 && like === 7)).not.toEqual([]);
  expect(pairs.length).toBeLessThanOrEqual(2 * 601);
});

it("files are compared in another process, each pair told once", async () => {
  const folder = await newFolder();
  const photo = shot("board", "a");
  const bright = levels(
    moved(photo, (u, v) => [1 - u, v]),
    (level) => 1.06 * level,
  );
  const files = { "a.png": photo, "b.png": shot("board", "b"), "c.png": bright };
  const paths: string[] = [];
  for (const [name, image] of Object.entries(files)) {
    paths.push(join(folder, name));
    await putGray(paths.at(-1) ?? "", image.data, side);
  }
  const found = await findTwins(paths);
  expect(found).toEqual([{ one: 0, other: 2, likeness: expect.any(Number) }]);
  expect(await findTwins(paths)).toEqual(found);
});
