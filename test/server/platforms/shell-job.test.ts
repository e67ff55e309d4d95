import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { readExit, workFiles } from "../../../server/durable/work.ts";
import { changedSince, notedOutput } from "../../../server/exec/job-output.ts";
import {
  digestsIn,
  readShellClaim,
  readShellEnd,
  recordShellEnd,
  shellArguments,
  shellFiles,
  shellJob,
} from "../../../server/platforms/shell-job.ts";
import type { JobSpec } from "../../../server/run/job.ts";
import { temporaryFolders } from "../../support/folder.ts";

const newFolder = temporaryFolders();
let folder: string;
let stem: string;
let spec: JobSpec;

beforeEach(async () => {
  folder = await newFolder();
  const workdir = join(folder, "work place");
  await mkdir(workdir);
  await mkdir(join(folder, "jobs"));
  stem = join(folder, "jobs", "baseline-train-1-train");
  spec = {
    id: "baseline-train-1-train",
    image: "tao_pyt",
    argv: ["true"],
    mounts: [],
    env: {},
    env_names: [],
    workdir,
    gpus: "none",
    ipc_host: false,
    user: "host",
    log_path: join(workdir, "train.log"),
  };
});

const shells = [["sh"], ["bash", "--posix"], ["busybox", "sh"]].filter(([name = ""]) =>
  (process.env.PATH ?? "").split(":").some((place) => existsSync(join(place, name))),
);

function begin(argv: readonly string[], { shell = ["sh"], who = "41", limit = 0 } = {}) {
  const limited = limit === 0 ? spec : { ...spec, time_limit_sec: limit };
  const [program = "sh", ...before] = shell;
  return spawn(program, [...before, "-c", shellJob, "job", ...shellArguments(stem, limited, who, argv)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function run(argv: readonly string[], how: Parameters<typeof begin>[1] = {}) {
  const child = begin(argv, how);
  return await new Promise<number | null>((resolve) => child.on("close", resolve));
}

async function until(holds: () => boolean | Promise<boolean>) {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe.each(shells)("a job under %s", (...shell) => {
  it.each([
    ["ends well", "exit 0", { outcome: "exited", exit_code: 0 }],
    ["fails", "exit 7", { outcome: "exited", exit_code: 7 }],
    ["is killed", "kill -KILL $$", { outcome: "killed", exit_code: 137, signal: "SIGKILL" }],
  ])("that %s says so, and passes its code on", async (_name, script, expected) => {
    const code = await run(["sh", "-c", script], { shell });
    expect(await readShellEnd(stem)).toMatchObject({ ...expected, who: "41" });
    expect(code).toBe(expected.exit_code);
  });

  it("that is asked to end takes its program along and says that it was asked", async () => {
    const child = begin(["sh", "-c", "trap 'exit 99' TERM; touch up; while :; do sleep 0.05; done"], { shell });
    await until(() => existsSync(join(spec.workdir, "up")));
    child.kill("SIGTERM");
    await until(async () => (await readShellEnd(stem)) !== undefined);
    expect(await readShellEnd(stem)).toMatchObject({ outcome: "exited", exit_code: 99, asked: "TERM" });
  });

  it("that passes its time limit is ended", async () => {
    const code = await run(["sleep", "60"], { shell, limit: 1 });
    expect(await readShellEnd(stem)).toMatchObject({ outcome: "timeout", exit_code: 143 });
    expect(code).toBe(143);
  });

  it("leaves no process behind that could still write", async () => {
    await run(["sh", "-c", "(trap '' TERM HUP; while :; do date >> late; sleep 0.02; done) & sleep 0.2; exit 3"], {
      shell,
    });
    const size = async () => (await readFile(join(spec.workdir, "late"), "utf8")).length;
    const before = await size();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await size()).toBe(before);
  });

  it("works once, however often it is started", async () => {
    const all = Array.from({ length: 8 }, (_, at) => run(["sh", "-c", "echo once >> count"], { shell, who: `${at}` }));
    expect(await Promise.all(all)).toEqual(Array(8).fill(0));
    expect(await readFile(join(spec.workdir, "count"), "utf8")).toBe("once\n");
    expect((await readShellClaim(stem))?.who).toBe((await readShellEnd(stem))?.who);
    const left = (await readdir(join(folder, "jobs"))).sort();
    expect(left).toEqual(["begun", "ended", "left"].map((end) => `${spec.id}.${end}`));
  });
});

describe("a job of a shell", () => {
  it("takes arguments, log and names as they are", async () => {
    const odd = ["a b", "q'uo\"te", "$HOME `id`", "", "-n", "new\nline"];
    await run(["sh", "-c", 'printf "[%s]" "$@" > "out $1"; echo said', "job", ...odd]);
    expect(await readFile(join(spec.workdir, "out a b"), "utf8")).toBe(odd.map((one) => `[${one}]`).join(""));
    expect(await readFile(spec.log_path, "utf8")).toBe("said\n");
  });

  it("does not begin once somebody wants it to end", async () => {
    await writeFile(workFiles(stem).cancel, "");
    await run(["touch", "begun"]);
    expect(await readShellEnd(stem)).toMatchObject({ outcome: "killed", detail: "before its program began" });
    expect(existsSync(join(spec.workdir, "begun"))).toBe(false);
  });

  it.each([
    ["a log that cannot be opened", { log_path: "/nowhere/x.log" }, "the log cannot be opened"],
    ["a missing working directory", { workdir: "/nowhere" }, "the working directory cannot be entered"],
  ])("says so of %s", async (_name, change, detail) => {
    spec = { ...spec, ...change };
    expect(await run(["true"])).toBe(126);
    expect(await readShellEnd(stem)).toMatchObject({ outcome: "exited", exit_code: 126, detail });
  });

  it("is noted by what it left where it ran, links and odd names too", async () => {
    await symlink("elsewhere", join(spec.workdir, "link"));
    await run(["sh", "-c", 'echo one > a; mkdir "b c"; echo two > "b c/new\nline\\\\x"']);
    await writeFile(workFiles(stem).record, "{}");
    await recordShellEnd(stem, { outcome: "exited", exit_code: 0 }, spec, { env: {}, lateMs: 1000 });
    const note = await notedOutput(workFiles(stem).record);
    expect(note?.unwatched).toBeUndefined();
    expect(note?.files.map(({ path }) => path.slice(spec.workdir.length + 1)).sort()).toEqual([
      "a",
      "b c/new\nline\\x",
      "link",
      "train.log",
    ]);
    expect(note && (await changedSince(note))).toEqual([]);
    expect(await readExit(stem)).toEqual({ outcome: "exited", exit_code: 0 });
  });

  it("is noted as it left its files though this host sees others", async () => {
    await run(["sh", "-c", "echo one > a; echo two > b"]);
    await writeFile(workFiles(stem).record, "{}");
    // The same bytes in another inode at another time are the same; other bytes and a missing file are not.
    await rm(join(spec.workdir, "a"));
    await writeFile(join(spec.workdir, "a"), "one\n");
    await writeFile(join(spec.workdir, "b"), "2\n");
    await rm(spec.log_path);
    await recordShellEnd(stem, { outcome: "exited", exit_code: 0 }, spec, { env: {}, lateMs: 50 });
    const note = await notedOutput(workFiles(stem).record);
    expect(note && (await changedSince(note)).sort()).toEqual([join(spec.workdir, "b"), spec.log_path]);
  });

  it("keeps no secret in its log that only the server knew, and the note allows that", async () => {
    await run(["echo", "token hf_abcdefghijklmnop"]);
    await writeFile(workFiles(stem).record, "{}");
    const env = { HF_TOKEN: "hf_abcdefghijklmnop" };
    await recordShellEnd(stem, { outcome: "exited", exit_code: 0 }, spec, { env, lateMs: 50 });
    expect(await readFile(spec.log_path, "utf8")).not.toContain("abcdefgh");
    const note = await notedOutput(workFiles(stem).record);
    expect(note && (await changedSince(note))).toEqual([]);
  });

  it("is found out when its machine had no program for digests: its files are those found later", async () => {
    await run(["true"]);
    await rm(shellFiles(stem).left);
    await writeFile(workFiles(stem).record, "{}");
    await recordShellEnd(stem, { outcome: "exited", exit_code: 0 }, spec, { env: {}, lateMs: 50 });
    expect((await notedOutput(workFiles(stem).record))?.unwatched).toBe(true);
  });

  it("reads listings of sha256sum", () => {
    const digest = "0".repeat(64);
    const listing = `${digest}  ./a\n\\${digest} *./b\\nc\\\\d\nnoise\n`;
    expect([...digestsIn(listing, "/w")]).toEqual([
      ["/w/a", digest],
      ["/w/b\nc\\d", digest],
    ]);
  });

  it("is text that a shell reads without complaint", async () => {
    expect((await execa("sh", ["-n"], { input: shellJob })).stderr).toBe("");
  });
});
