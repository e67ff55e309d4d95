import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { headwayOf } from "../../../../engine/headway.ts";
import { pythonJson } from "../../../../engine/status-log.ts";
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

describe("progress of a training", () => {
  it("tells epoch, share, time left and the newest validation loss before the training loss", async () => {
    const path = join(await folder(), "status.json");
    const loop = (epoch: number) =>
      JSON.stringify({ message: "Training loop in progress", epoch, max_epoch: 9, eta: "0:01:30.5" }).replaceAll(
        '":',
        '": ',
      );
    const lines = [loop(0), '{"kpi": {"train_loss": 0.5}}', loop(1)];
    await writeFile(path, `${lines.join("\n")}\n`);
    const { progress: _none, ...training } = { ...job(path), status_path: path };
    const before = { fraction: 0.2, message: "epoch 2 of 10, loss 0.5", eta_sec: 90 };
    expect(await readProgress(training)).toEqual(before);
    await writeFile(path, `${[...lines, '{"kpi": {"train_loss": 0.4, "val_loss": 0.123456}}', loop(2)].join("\n")}\n`);
    expect((await readProgress(training)).message).toBe("epoch 3 of 10, loss 0.1235");
  });
});

describe("progress of the embedded engine before it trains or scores", () => {
  it("is so many of so many, with the time left, until something else is told", async () => {
    const path = join(await folder(), "status.json");
    const told: string[] = [];
    let now = 0;
    const headway = headwayOf(
      (status, message, data) => void told.push(pythonJson({ status, message, ...data })),
      "train images",
      200,
      () => now,
    );
    headway(10);
    now = 2_000;
    headway(50);
    headway(60);
    now = 3_500;
    headway(40);
    await writeFile(path, `${told.join("\n")}\n`);
    const { progress: _none, ...task } = { ...job(path), status_path: path };
    const at60 = { fraction: 0.3, message: "train images: 60 of 200", eta_sec: 8 };
    expect([told.length, await readProgress(task)]).toEqual([2, at60]);
    const epoch = '{"message": "Training loop in progress", "epoch": 0, "max_epoch": 1}';
    await writeFile(path, `${[...told, epoch].join("\n")}\n`);
    expect((await readProgress(task)).message).toBe("epoch 1 of 2");
  });
});
