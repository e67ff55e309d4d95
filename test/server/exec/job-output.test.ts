import { appendFile, chmod, mkdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { changedSince, notedOutput, noteOutput, scrubLog } from "../../../server/exec/job-output.ts";
import { temporaryFolders } from "../../support/folder.ts";

const newFolder = temporaryFolders();
let home: string;
let record: string;
let job: { workdir: string; log_path: string };

beforeEach(async () => {
  home = await newFolder();
  record = join(home, "job.json");
  job = { workdir: join(home, "train"), log_path: join(home, "train", "train.log") };
  await mkdir(join(job.workdir, "checkpoints"), { recursive: true });
  await writeFile(job.log_path, "token hf_abcdefghij used\n");
  await writeFile(join(job.workdir, "checkpoints", "a.pth"), "weights");
  await symlink("a.pth", join(job.workdir, "checkpoints", "latest.pth"));
});

const a = () => join(job.workdir, "checkpoints", "a.pth");
const changed = async () => {
  const output = await notedOutput(record);
  return output === undefined ? "no note" : await changedSince(output);
};

describe("what a job left", () => {
  it("is noted file by file, with its log free of secrets", async () => {
    await noteOutput(record, job, {});
    expect((await notedOutput(record))?.files.map(({ path }) => path.slice(home.length)).sort()).toEqual([
      "/train/checkpoints/a.pth",
      "/train/checkpoints/latest.pth",
      "/train/train.log",
    ]);
    expect(await readFile(job.log_path, "utf8")).toBe("token [redacted] used\n");
    expect(await changed()).toEqual([]);
  });

  it.each([
    ["other content", () => writeFile(a(), "WEIGHTS")],
    ["more content", () => appendFile(a(), "!")],
    [
      "other content under the old times",
      async () => {
        const { atime, mtime } = await stat(a());
        await writeFile(a(), "WEIGHTS");
        await utimes(a(), atime, mtime);
      },
    ],
    ["no file", () => rm(a())],
    ["a link in its place", () => rm(a()).then(() => symlink("/etc/hostname", a()))],
  ])("is seen with %s", async (_what, change) => {
    await noteOutput(record, job, {});
    await change();
    expect(await changed()).toEqual([a()]);
  });

  it.each([
    ["other times", () => utimes(a(), 1, 1)],
    ["another mode", () => chmod(a(), 0o600)],
    ["the same content written anew", () => rm(a()).then(() => writeFile(a(), "weights"))],
  ])("is the same with %s", async (_what, change) => {
    await noteOutput(record, job, {});
    await change();
    expect(await changed()).toEqual([]);
  });

  it("may lose from its log what only the server knows for a secret, and nothing else of it", async () => {
    await writeFile(job.log_path, "password s3cret-of-the-server");
    await noteOutput(record, job, {});
    await scrubLog(record, job.log_path, { DB_PASSWORD: "s3cret-of-the-server" });
    expect(await readFile(job.log_path, "utf8")).toBe("password [redacted]");
    expect(await changed()).toEqual([]);
    await appendFile(job.log_path, " Execution status: PASS");
    expect(await changed()).toEqual([job.log_path]);
  });

  it("is still changed where a log that was changed is scrubbed", async () => {
    await noteOutput(record, job, {});
    await appendFile(job.log_path, "s3cret-of-the-server");
    await scrubLog(record, job.log_path, { DB_PASSWORD: "s3cret-of-the-server" });
    expect(await changed()).toEqual([job.log_path]);
  });

  it("is not taken from a note that is not as it was written", async () => {
    await noteOutput(record, job, {});
    const note = join(home, "job.output");
    await writeFile(note, (await readFile(note, "utf8")).replace("a.pth", "b.pth"));
    expect(await changed()).toBe("no note");
  });

  it("is noted where the log is longer than a text may be", async () => {
    await truncate(job.log_path, 300 << 20);
    await noteOutput(record, job, {});
    expect((await notedOutput(record))?.files).toHaveLength(3);
  });

  it("is nothing where the working directory is gone", async () => {
    await rm(job.workdir, { recursive: true });
    await noteOutput(record, job, {});
    expect((await notedOutput(record))?.files).toEqual([]);
  });
});
