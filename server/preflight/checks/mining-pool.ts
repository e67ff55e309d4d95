import { readChangeNet } from "../../data/changenet.ts";
import { layoutOf } from "../../data/spec.ts";
import { Refusal } from "../../errors.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { kindOf } from "../../fs/read.ts";
import { workspacePaths } from "../../run/paths.ts";
import { labelCounts, labelText } from "../label-counts.ts";
import { resolvePool } from "../pool.ts";
import type { Findings, Step } from "../survey.ts";
import { inputPath } from "../workspace.ts";

const head = { id: "mining_pool", title: "Mining pool" };

/** The rows that mining draws from: at least one, and each leads to exactly one image. */
export const miningPoolStep: Step = {
  ...head,
  async look(survey): Promise<Findings> {
    if (survey.request.synthetic_only === true) {
      return { checks: [{ ...head, outcome: "not_applicable", detail: "declared synthetic-only: nothing is mined" }] };
    }
    const expected = workspacePaths(survey.workspace).poolCsv;
    if ((await kindOf(expected)) === "absent") {
      throw new Refusal("gate.empty-pool", `${expected} does not exist.`, { path: expected });
    }
    const path = await inputPath(survey.workspace, expected, "mining pool");
    const table = await readChangeNet(path);
    if (table.rows.length === 0) throw new Refusal("gate.empty-pool", `${path} has no rows.`, { path });
    if (survey.spec === undefined || survey.images_dir === undefined) return {};
    const resolved = await resolvePool(path, table, layoutOf(survey.spec.content, survey.images_dir));
    if (resolved.problems.length > 0) {
      throw new Refusal(
        "gate.missing-image",
        `${resolved.problems.length} pool rows do not lead to exactly one image.`,
        {
          path,
          rows: resolved.problems.length,
          examples: resolved.problems.slice(0, 5),
        },
      );
    }
    const labels = labelCounts(table.rows);
    const detail = `${table.rows.length} rows (${labelText(labels)})`;
    return {
      found: { pool: { path, sha256: await sha256OfFile(path), table, labels, images_root: resolved.images_root } },
      checks: [{ ...head, outcome: "ok", detail }],
    };
  },
};
