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
  it("takes a directory, an id, the run around the current directory, or the only one nearby", async () => {
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
    ] as const) {
      expect([named, cwd, await runNearby(named, undefined, at(cwd))]).toEqual([named, cwd, run]);
    }
    for (const named of ["run_20990101_000000", "boards", "no/such"]) {
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
    for (const csv of ["boards", "no.csv"]) expect(await code(csv)).toBe("input.unreadable-file");
  });
});
