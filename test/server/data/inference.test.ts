import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { readInferenceTable } from "../../../server/data/inference.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();

it.each([1, 256, 257, 700])("rows of %d labels keep theirs", async (count) => {
  const path = join(await folder(), "inference.csv");
  const rows = Array.from({ length: 900 }, (_, at) => `in/,C${at},label ${at % count},0.${at}`);
  await writeFile(path, `input_path,object_name,label,siamese_score\n${rows.join("\n")}\n`);
  const { label, labels, at } = await readInferenceTable(path);
  const expected = rows.map((_, row) => `label ${row % count}`);
  expect(Array.from(label, (number) => labels[number])).toEqual(expected);
  expect(at(899)).toEqual({ input_path: "in/", object_name: "C899", label: expected[899], score: 0.899 });
});
