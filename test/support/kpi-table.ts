import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeTable } from "../../server/data/csv.ts";
import { type KpiTable, kpiReader } from "../../server/report/kpi-rows.ts";

/** A part as a scoring has it. */
export type Part = {
  readonly object_name: string;
  readonly label: string;
  readonly score: number;
  readonly boardname?: string;
  readonly part_type?: string;
};

/** Inference CSVs as the report reads them, by one reader. */
export async function kpiTables(...scorings: readonly (readonly Part[])[]): Promise<KpiTable[]> {
  const folder = await mkdtemp(join(tmpdir(), "deft-kpi-table-"));
  const [csv, readTable] = [join(folder, "inference.csv"), kpiReader()];
  const header = ["input_path", "golden_path", "label", "object_name", "siamese_score", "boardname", "part_type"];
  try {
    const tables: KpiTable[] = [];
    for (const parts of scorings) {
      const rows = parts.map(({ label, object_name, score, boardname = "", part_type = "" }) => {
        return ["kpi/", "golden/", label, object_name, String(score), boardname, part_type];
      });
      await writeTable(csv, header, rows);
      const table = await readTable(csv, "kpi", fail);
      tables.push(table);
    }
    return tables;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function fail(note: string): never {
  throw new Error(note);
}
