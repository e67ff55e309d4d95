import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import type { JobSpec } from "../../../../server/run/job.ts";
import { readProgress } from "../../../../server/stages/shared/progress.ts";
import { temporaryFolders } from "../../../support/folder.ts";

const folder = temporaryFolders();

const job = (path: string): JobSpec => ({
  id: "iter1-anomalygen-1-run_sdg",
  image: "anomalygen",
  argv: ["run_sdg.sh", "--seed", "0"],
  mounts: [],
  env: {},
  env_names: [],
  workdir: "/",
  gpus: "all",
  ipc_host: false,
  user: "host",
  log_path: "/log",
  progress: { path, expected: 4 },
});

describe("progress by what a job has made", () => {
  it("counts entries of a directory, also of one that is still empty or not there yet", async () => {
    const path = join(await folder(), "reconstructed_image");
    expect((await readProgress(job(path))).fraction).toBe(0);
    await mkdir(path);
    expect((await readProgress(job(path))).fraction).toBe(0);
    await writeFile(join(path, "a.png"), "");
    expect(await readProgress(job(path))).toEqual({ fraction: 0.25, message: "run_sdg.sh --seed: 1 of 4" });
  });

  it("counts lines of a file", async () => {
    const path = join(await folder(), "testcase.jsonl");
    await writeFile(path, "{}\n{}\n");
    expect((await readProgress(job(path))).fraction).toBe(0.5);
  });
});
