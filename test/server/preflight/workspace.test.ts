import { mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { inputPath, resolveWorkspace } from "../../../server/preflight/workspace.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";
import { put } from "./support/boards.ts";

const folder = temporaryFolders();

describe("the workspace of a call", () => {
  it("is the argument before the variables before the current directory", async () => {
    const [argument, own, project, cwd] = await Promise.all([folder(), folder(), folder(), folder()]);
    await put(join(cwd, "specs/baseline_spec.yaml"), "task: classify\n");
    const env = { DEFT_WORKSPACE: own, CLAUDE_PROJECT_DIR: project };
    const source = async (given: string | undefined, variables: Record<string, string>) =>
      (await resolveWorkspace(given, { cwd, env: variables })).source;
    expect(await source(argument, env)).toBe("argument");
    expect(await source(undefined, env)).toBe("DEFT_WORKSPACE");
    expect(await source(undefined, { CLAUDE_PROJECT_DIR: project })).toBe("CLAUDE_PROJECT_DIR");
    expect(await source(undefined, {})).toBe("current directory");
  });

  it("is echoed as a real absolute path", async () => {
    const root = await realpath(await folder());
    await mkdir(join(root, "böards & co"));
    await symlink(join(root, "böards & co"), join(root, "link"));
    const { workspace } = await resolveWorkspace("./link", { cwd: root, env: {} });
    expect(workspace).toBe(join(root, "böards & co"));
  });

  it.each(["nowhere", "file.txt"])("is refused when %s is no directory", async (name) => {
    const cwd = await folder();
    await writeFile(join(cwd, "file.txt"), "");
    expect((await refusalOf(() => resolveWorkspace(name, { cwd, env: {} }))).code).toBe("input.no-workspace");
  });

  it("is refused when nothing names one", async () => {
    const cwd = await folder();
    expect((await refusalOf(() => resolveWorkspace(undefined, { cwd, env: {} }))).code).toBe("input.no-workspace");
  });

  it.each(["~/boards", "$" + "{HOME}/boards"])("takes %s literally and says so", async (given) => {
    const cwd = await folder();
    expect((await refusalOf(() => resolveWorkspace(given, { cwd, env: {} }))).code).toBe("input.invalid");
  });
});

describe("an input path", () => {
  it("counts from the workspace when it is relative", async () => {
    const root = await realpath(await folder());
    expect(await inputPath(root, "kpi/testing_set.csv", "kpi_csv")).toBe(join(root, "kpi/testing_set.csv"));
  });

  it.each(["../outside.csv", "/etc/passwd", "link/x.csv", "nul\0byte"])("may not lead outside: %s", async (given) => {
    const root = await folder();
    await symlink("/etc", join(root, "link"));
    expect((await refusalOf(() => inputPath(root, given, "spec"))).code).toBe("gate.path-outside-workspace");
  });
});
