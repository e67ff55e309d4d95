import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run as kpi } from "../../../server/cli/kpi.ts";
import { runNearby, workspaceNearby } from "../../../server/cli/nearby.ts";
import { aRun, testDeps } from "../../support/a-run.ts";
import { runCommand } from "../../support/command.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const newFolder = temporaryFolders();

async function put(path: string, content = ""): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** A folder with workspaces of these names in it, each with one run. */
async function folderWith(...names: string[]) {
  const root = await newFolder();
  for (const name of names) {
    await put(join(root, name, "specs", "baseline_spec.yaml"));
    await aRun(join(root, name));
  }
  return { root, run: join(root, names[0] ?? "", "results", "run_20261121_100000") };
}

const at = (cwd: string, env: Record<string, string> = {}) => testDeps({ cwd, env });

describe("a command that names no workspace", () => {
  it("means the one around the current directory, else the only one in it", async () => {
    const { root } = await folderWith("boards");
    const boards = join(root, "boards");
    for (const cwd of [boards, join(boards, "results"), root]) {
      expect(await workspaceNearby(undefined, at(cwd))).toBe(boards);
    }
    expect(await workspaceNearby("other", at(root))).toBe("other");
    // What the environment names comes first; the resolution of a workspace reads it.
    expect(await workspaceNearby(undefined, at(root, { DEFT_WORKSPACE: "/x" }))).toBeUndefined();
    expect(await workspaceNearby(undefined, at(await newFolder()))).toBeUndefined();
  });

  it("is refused with the candidates where there are several", async () => {
    const { root } = await folderWith("a", "b");
    const { code, facts } = await refusalOf(() => workspaceNearby(undefined, at(root)));
    expect([code, facts]).toEqual(["input.no-workspace", { candidates: ["a", "b"] }]);
  });
});

describe("a command on a run", () => {
  it("takes its directory or its workspace's, an id, the run around the current directory, or the only one nearby", async () => {
    const { root, run } = await folderWith("boards");
    const results = dirname(run);
    for (const [named, cwd] of [
      [undefined, root],
      [undefined, join(root, "boards")],
      [undefined, run],
      ["run_20261121_100000", root],
      ["run_20261121_100000", results],
      ["boards/results/run_20261121_100000", root],
      [".", run],
      [run, "/"],
      ["boards", root],
      [join(root, "boards"), "/"],
    ] as const) {
      expect([named, cwd, await runNearby(named, undefined, at(cwd))]).toEqual([named, cwd, run]);
    }
    const { facts } = await refusalOf(() => runNearby("bords", undefined, at(root)));
    expect(facts).toEqual({ path: join(root, "bords"), nearest: join(root, "boards") });
    for (const named of ["run_20990101_000000", "no/such", "nowhere"]) {
      expect((await refusalOf(() => runNearby(named, undefined, at(root)))).code).toBe("input.no-run");
    }
  });

  it("kpi says of a run without an evaluated iteration that it has none, and reads anything else as a CSV", async () => {
    const { root, run } = await folderWith("boards");
    const code = async (...argv: string[]) =>
      JSON.parse((await runCommand(kpi, [...argv, "--json"], root)).stdout).error.code;
    expect(await code(run)).toBe("input.invalid");
    expect(await code()).toBe("input.invalid");
    expect(await code("run_20261121_100000", "--iteration", "iter1")).toBe("input.invalid");
    expect(await code("boards")).toBe("input.invalid");
    expect(await code("no.csv")).toBe("input.unreadable-file");
  });

  it("kpi reads the newest evaluated iteration of a run, or the named one, for the recall of its target", async () => {
    const root = await newFolder();
    const run = join(root, "boards", "results", "run_20261121_100000");
    await put(join(root, "boards", "specs", "baseline_spec.yaml"));
    const csv = async (name: string, rows: string) => {
      await put(join(run, name), `label,siamese_score\n${rows}`);
      return { inference_csv: join(run, name) };
    };
    const iterations = {
      baseline: await csv("a.csv", "bad,0.5\nPASS,0.1\n"),
      iter1: await csv("b.csv", "bad,0.9\nPASS,0.2\n"),
      iter2: {},
    };
    await aRun(join(root, "boards"), { iterations });
    const answer = async (...argv: string[]) => JSON.parse((await runCommand(kpi, [...argv, "--json"], root)).stdout);
    const newest = { run_dir: run, iteration: "iter1", recall_operating_point: { threshold: 0.2 } };
    for (const argv of [[], [run], ["run_20261121_100000"]]) expect(await answer(...argv)).toMatchObject(newest);
    const first = { iteration: "baseline", recall_operating_point: { threshold: 0.1 } };
    expect(await answer("--iteration", "baseline")).toMatchObject(first);
    expect((await runCommand(kpi, [], root)).stdout).toMatch(/^iter1 of .*: .*b\.csv\n2 rows: 1 PASS, 1 NO_PASS\n/);
  });
});
