import { basename, dirname, join } from "node:path";
import { createNumberList, createPackedList } from "../../data/number-list.ts";
import { createNameTable } from "../../data/path-table.ts";
import { createTextTable } from "../../data/text-table.ts";
import type { StageContext } from "../../ports/stage.ts";
import { joinPath, suffixesOf } from "../../run/images.ts";
import {
  type ImageNames,
  objectOf,
  type PoolPlace,
  type PoolSource,
  poolLines,
  poolSource,
  resolvedColumns,
} from "./mining-pool.ts";
import { inheritedSpec, layoutFrom } from "./specs.ts";

/** The run's pool by row number: some eight bytes a row, and each distinct label, directory and object name once. */
export type Pool = {
  readonly csv_path: string;
  readonly layout: ImageNames;
  readonly size: number;
  row(at: number): PoolPlace;
  /** The last row that has this image, under whatever lighting; -1 for none. */
  rowOf(image: string): number;
  /** Labels as written, each once. */
  labels(): string[];
};

/** Stands for the pool where nothing is mined. */
export const emptyPool: Pool = createPool("", { lightings: [], image_ext: "" });

/** By the call that a stage makes: what it planned with, it prepares with. */
const pools = new WeakMap<StageContext, Promise<Pool>>();

/** The snapshot that the run mines from, read once a call. @throws Refusal `gate.empty-pool`. */
export async function poolOf(context: StageContext): Promise<Pool> {
  const pool = pools.get(context) ?? readPool(context);
  pools.set(context, pool);
  return await pool;
}

async function readPool(context: StageContext): Promise<Pool> {
  const { config } = context.state;
  return await readResolvedPool(poolSource(config, await layoutFrom(inheritedSpec(context), config.images_dir)));
}

/** Reads a snapshot back; its files were found when it was written. @throws Refusal `gate.empty-pool`. */
export async function readResolvedPool(source: PoolSource): Promise<Pool> {
  const pool = createPool(source.csv_path, source);
  for await (const { header, cells } of poolLines(source.csv_path, ["label", ...resolvedColumns])) {
    const cell = (name: string): string => cells[header.indexOf(name)] ?? "";
    const input = joinPath(source.filepath_root, cell("filepath"));
    const golden = cell("golden_filepath");
    pool.add({
      label: cell("label"),
      object_name: objectOf(input, source) ?? cell("object_name"),
      input_dir: dirname(input),
      golden_dir: golden === "" ? undefined : dirname(joinPath(source.filepath_root, golden)),
    });
  }
  return pool;
}

function createPool(csv_path: string, layout: ImageNames): Pool & { add(row: PoolPlace): void } {
  const [labels, directories, objects] = [createTextTable(), createTextTable(), createNameTable()];
  const columns = { label: createPackedList(), object: createPackedList(), golden: createPackedList() };
  /** By number of an object in its directory. */
  const lastRow = createNumberList();
  const tails = suffixesOf(layout);
  return {
    csv_path,
    layout,
    get size() {
      return columns.label.length;
    },
    add({ label, object_name, input_dir, golden_dir }) {
      const object = objects.numberOf(directories.numberOf(join(input_dir)), object_name);
      if (object === lastRow.length) lastRow.push(0);
      lastRow.set(object, columns.object.length);
      columns.object.push(object);
      columns.label.push(labels.numberOf(label));
      columns.golden.push(golden_dir === undefined ? -1 : directories.numberOf(join(golden_dir)));
    },
    row(at) {
      const [object, golden] = [columns.object.at(at), columns.golden.at(at)];
      return {
        label: labels.at(columns.label.at(at)),
        object_name: objects.nameOf(object),
        input_dir: directories.at(objects.directoryOf(object)),
        golden_dir: golden < 0 ? undefined : directories.at(golden),
      };
    },
    rowOf(image) {
      const [directory, name] = [directories.find(dirname(image)), basename(image)];
      const rows = tails.map((tail) => {
        if (directory < 0 || !name.endsWith(tail)) return -1;
        const object = objects.find(directory, name.slice(0, name.length - tail.length));
        return object < 0 ? -1 : lastRow.at(object);
      });
      return Math.max(...rows);
    },
    labels: () => Array.from({ length: labels.size() }, (_, number) => labels.at(number)),
  };
}
