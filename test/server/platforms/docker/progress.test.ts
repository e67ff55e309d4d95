import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { barProgress } from "../../../../server/platforms/docker/progress.ts";
import type { JobSpec } from "../../../../server/run/job.ts";
import { temporaryFolders } from "../../../support/folder.ts";

const folder = temporaryFolders();

async function progressOf(log: string, change: Partial<JobSpec> = {}) {
  const log_path = join(await folder(), "job.log");
  await writeFile(log_path, log);
  return barProgress({
    id: "iter1-data_mining-1-source_embeddings",
    image: "tao_ds",
    argv: ["embedding", "image_embeddings", "-e", "s.yaml"],
    mounts: [],
    env: {},
    env_names: [],
    workdir: "/",
    gpus: "all",
    ipc_host: true,
    user: "root",
    log_path,
    ...change,
  });
}

describe("progress by the bars of a log", () => {
  it("is that of the last bar, although bars rewrite their line with CR", async () => {
    const log =
      "Loading model\n 10%|#         | 2/20 [00:01<00:09,  2.0it/s]\r 45%|####      | 9/20 [00:05<01:07,  1.6it/s]\r";
    expect(await progressOf(log)).toEqual({
      fraction: 0.45,
      message: "embedding image_embeddings: 9 of 20",
      eta_sec: 67,
    });
  });

  it("is unknown without a bar, and left to status.json where the program keeps one", async () => {
    expect(await progressOf("Loading model\n")).toBeUndefined();
    const log = "Epoch 3: 50%|#####     | 5/10 [00:01<00:01]\r";
    expect(await progressOf(log, { status_path: "/s.json" })).toBeUndefined();
  });
});
