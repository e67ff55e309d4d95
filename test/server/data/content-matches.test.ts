import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import jpeg from "jpeg-js";
import { encodeGrayJpeg } from "../../../engine/workspace/gray-jpeg.ts";
import { openContents } from "../../../server/data/content-cache.ts";
import type { SeenFiles } from "../../../server/data/kept-files.ts";
import { findLeakage } from "../../../server/data/leakage.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();
const names = { lightings: [], image_ext: ".jpg" };
const side = 64;

/** Squares on a plain ground that no two seeds share; `shift` changes single levels. */
function board(seed: number, shift: (at: number) => number = () => 0): Buffer {
  const data = Buffer.alloc(side * side * 4, 255);
  for (let at = 0; at < side * side; at++) {
    const [x, y] = [Math.floor((at % side) / 8), Math.floor(at / side / 8)];
    const level = y < 2 ? 90 : 60 + (Math.imul(x * 31 + y * 17 + seed * 101, 2654435761) >>> 25);
    for (let channel = 0; channel < 3; channel++) data[4 * at + channel] = level + shift(at);
  }
  return data;
}

/** The general encoder takes 30 ms of CPU an image, most of a test that writes a hundred. */
const encode = (data: Buffer, quality = 95) =>
  encodeGrayJpeg(
    Uint8Array.from({ length: side * side }, (_, at) => data[4 * at] ?? 0),
    side,
    quality,
  );

/** Two CSVs in one folder, each row with an image of its own name. */
async function sides(training: Record<string, Uint8Array>, held: Record<string, Uint8Array>) {
  const root = await folder();
  const csv = async (name: string, images: Record<string, Uint8Array>) => {
    await mkdir(join(root, name), { recursive: true });
    const rows = Object.keys(images).map((image) => `${name},${name},PASS,${image}`);
    for (const [image, bytes] of Object.entries(images)) await writeFile(join(root, name, `${image}.jpg`), bytes);
    await writeFile(join(root, `${name}.csv`), ["input_path,golden_path,label,object_name", ...rows, ""].join("\n"));
    return { csv: join(root, `${name}.csv`), roots: [root] };
  };
  return { root, training: await csv("training", training), held: await csv("held", held) };
}

describe("image contents of two CSVs", () => {
  it("a copy is found behind thousands of pairs that merely look alike", async () => {
    // Every held-out image is near to every other one; one of them was saved anew for training.
    const variants = Array.from({ length: 60 }, (_, n) => encode(board(1, (at) => (at % 61 === n ? 24 : 0))));
    const held = Object.fromEntries(variants.map((bytes, n) => [`h${n}`, bytes]));
    const others = Array.from({ length: 50 }, (_, n) =>
      encode(
        board(1, (at) => (at % 67 === n ? -20 : 0)),
        90,
      ),
    );
    const copy = encode(Buffer.from(jpeg.decode(variants[57] as Uint8Array).data), 100);
    const training = Object.fromEntries([...others, copy].map((bytes, n) => [`t${n}`, bytes]));
    const { training: left, held: right } = await sides(training, held);
    const [found] = await findLeakage(left, [right], names, { contents: openContents() });
    expect(found).toMatchObject({ count: 1, examples: [{ object_name: "t50", held_line: 59, by: "content" }] });
    expect(found.near.count).toBe(50);
  });

  it("images of which only the first rows agree are told apart", async () => {
    const [one, other] = [encode(board(1)), encode(board(2))];
    const { training, held } = await sides({ a: one }, { b: other });
    const [found] = await findLeakage(training, [held], names, { contents: openContents() });
    expect(found).toMatchObject({ count: 0, near: { count: 0 }, undecoded: 0 });
  });

  it("are compared with each of several held-out sets", async () => {
    const [one, other, third] = [encode(board(1)), encode(board(2)), encode(board(3))];
    const { root, training, held } = await sides({ a: one, b: other }, { c: other });
    await writeFile(join(root, "held", "d.jpg"), one);
    await writeFile(join(root, "held", "e.jpg"), third);
    const csv = join(root, "more.csv");
    const row = (image: string) => `held,held,PASS,${image}\n`;
    await writeFile(csv, `input_path,golden_path,label,object_name\n${row("e")}${row("d")}`);
    const all = [held, { csv, roots: [root] }, { csv: held.csv, roots: [root] }] as const;
    const found = await findLeakage(training, all, names, { contents: openContents() });
    const inHeld = { count: 1, examples: [{ line: 3, held_line: 2, by: "content", object_name: "b" }] };
    const inMore = { count: 1, examples: [{ line: 2, held_line: 3, by: "content", object_name: "a" }] };
    expect(found).toMatchObject([inHeld, inMore, inHeld]);
  });

  it("an image that nothing decodes is compared byte for byte, and told", async () => {
    const broken = Buffer.concat([encode(board(1)).subarray(0, 300), Buffer.from([0xff, 0xd9])]);
    const spoiled = Buffer.concat([broken, Buffer.from("x")]);
    const { training, held } = await sides({ a: broken, b: spoiled }, { c: broken });
    const [found] = await findLeakage(training, [held], names, { contents: openContents() });
    expect(found).toMatchObject({ count: 1, examples: [{ object_name: "a", by: "content" }], undecoded: 3 });
  });

  it("are sketched once by a server, whatever asks, until a file changes", async () => {
    const { root, training, held } = await sides({ a: encode(board(1)) }, { b: encode(board(2)) });
    const memory = new Map();
    // A file of this very moment could change unseen.
    await new Promise((done) => setTimeout(done, 200));
    const look = async () => {
      const contents = openContents(memory);
      const [{ count }] = await findLeakage(training, [held], names, { contents });
      return { count, decoded: contents.decoded() };
    };
    expect(await look()).toEqual({ count: 0, decoded: 4 });
    expect(await look()).toEqual({ count: 0, decoded: 0 });
    await copyFile(join(root, "held", "b.jpg"), join(root, "training", "a.jpg"));
    expect((await look()).count).toBe(1);
  });

  it("finds equal bytes whatever a sketch says", async () => {
    const { root, training, held } = await sides({ a: encode(board(1)) }, { b: encode(board(2)) });
    await copyFile(join(root, "held", "b.jpg"), join(root, "training", "a.jpg"));
    const sketches = async ({ index, images }: SeenFiles) => images.map((image) => lie(index.pathOf(image)));
    const blind = { sketches, decoded: () => 0 };
    expect(await findLeakage(training, [held], names, { contents: blind })).toMatchObject([{ count: 1 }]);
  });
});

/** A sketch that shows nothing of its image, another one for every file. */
function lie(path: string) {
  return { width: 96, height: 96, fields: new Uint8Array(256).fill(path.includes("held") ? 0 : 255) };
}
