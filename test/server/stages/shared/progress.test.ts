import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { headwayOf } from "../../../../engine/headway.ts";
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

  it("loses no call where a directory comes while it is looked for, or what is read is no file", async () => {
    const dir = await folder();
    for (let at = 0; at < 50; at++) {
      const path = join(dir, String(at));
      const [progress] = await Promise.all([readProgress(job(path)), mkdir(path)]);
      expect(progress.message).toMatch(/^run_sdg/);
    }
    const running = { message: "run_sdg.sh --seed is running" };
    expect(await readProgress({ ...job(dir), status_path: dir })).toEqual(running);
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

describe("progress that the embedded engine tells before it trains or scores", () => {
  const task = (done: number) =>
    `{"message": "Task in progress", "what": "train images", "done": ${done}, "total": 80, "eta": "0:01:05"}\n`;
  const epoch = '{"message": "Training loop in progress", "epoch": 4, "max_epoch": 9, "train_loss": 0.25}\n';

  it.each([
    ["its own count", task(20) + task(40), { fraction: 0.5, message: "train images: 40 of 80", eta_sec: 65 }],
    ["the epochs that follow", task(80) + epoch, { fraction: 0.5, message: "epoch 5 of 10, loss 0.25" }],
    [
      "the images that follow epochs",
      epoch + task(60),
      { fraction: 0.75, message: "train images: 60 of 80", eta_sec: 65 },
    ],
  ])("is %s", async (_, text, expected) => {
    const status_path = join(await folder(), "status.json");
    await writeFile(status_path, text);
    expect(await readProgress({ ...job("/nowhere"), status_path })).toEqual(expected);
  });

  it("comes at most once a second and never goes back", () => {
    const told: unknown[] = [];
    let now = 0;
    const headway = headwayOf(
      (_status, _message, data) => told.push(data),
      "pool images",
      100,
      () => now,
    );
    for (const [at, done] of [
      [500, 5],
      [1000, 10],
      [1500, 20],
      [2500, 15],
    ] as const) {
      now = at;
      headway(done);
    }
    expect(told).toEqual([
      { what: "pool images", done: 10, total: 100, eta: "0:00:09" },
      { what: "pool images", done: 20, total: 100, eta: "0:00:10" },
    ]);
  });
});
