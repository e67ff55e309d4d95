import type { Flow } from "../../server/osmo/flow.ts";
import { ownFlowsDir, readFlowFile } from "../../server/osmo/flow-files.ts";
import { flows } from "../../server/osmo/flow-table.ts";
import { planSubmit } from "../../server/osmo/plan.ts";
import { settle } from "../../server/osmo/settle.ts";
import { boards } from "../../server/osmo/usecases.ts";

export const root = "s3://lab/dig";

export type Submit = { flow: Flow; usecase: string | undefined; training: boolean; board: string | undefined };

/** Every legal pair of flow and use case, passing through and training, on every shipped board. */
export const legalSubmits: Submit[] = Object.values(flows).flatMap((flow) =>
  (flow.usecases.length > 0 ? flow.usecases : [undefined]).flatMap((usecase) =>
    (flow.tasks.some((task) => task.only === "training") ? [false, true] : [false]).flatMap((training) =>
      (flow.knobs.board ? Object.keys(boards) : [undefined]).map((board) => ({ flow, usecase, training, board })),
    ),
  ),
);

export async function planOf(
  { flow, usecase, training, board }: Submit,
  dir?: string,
  more: Record<string, unknown> = {},
) {
  const knobs = {
    dig_url_root: root,
    ...(training ? { use_pretrained_checkpoint: "false" } : {}),
    ...(flow.id === "setup_glass" ? { uc3_zip_url_root: `${root}/uploads/glass-zip` } : {}),
    ...more,
  };
  const settled = settle({ flow, usecase, board, knobs });
  const file = await readFlowFile(dir ?? (await ownFlowsDir()), flow);
  return planSubmit(settled, file, "default", flow.kind === "setup" ? undefined : `${flow.workflow_name}-0a1b2c3d`);
}

export const title = ({ flow, usecase, training, board }: Submit) =>
  [flow.id, usecase, board, training ? "training" : ""].filter(Boolean).join(" ");
