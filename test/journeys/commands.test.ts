import { copyFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { approvedRun, boardsIn, drive } from "../support/board-run.ts";
import { builtBin, connect, runBuilt, startBuilt } from "../support/built-server.ts";
import { folderOfFile } from "../support/folder.ts";

const folder = folderOfFile();

describe("commands for people on an approved run", () => {
  let workspace: string;
  let run: string;
  const deft = (...argv: string[]) => runBuilt(argv, { home: folder.path });

  beforeAll(async () => {
    workspace = await boardsIn(folder.path);
    run = await approvedRun(folder.path, workspace);
  });

  it("status finds the only run of a workspace and names its next stage", () => {
    const { exit, stdout } = deft("status", "--workspace", workspace, "--json");
    expect([exit, JSON.parse(stdout)]).toMatchObject([
      0,
      { run_dir: run, status: "in_progress", integrity: "intact", report: null, next: { stage: "train" } },
    ]);
    expect(deft("status", run).stdout).toContain("Next       run_stage baseline train");
  });

  it("report renders a run that has not begun, and prints the path last", async () => {
    const { exit, stdout } = deft("report", run);
    expect([exit, stdout.trim().split("\n").at(-1)]).toEqual([
      0,
      relative(folder.path, join(run, "DEFT_Loop_Report.html")),
    ]);
    expect(await readFile(join(run, "DEFT_Loop_Report.html"), "utf8")).toContain("<html");
  });

  it("doctor passes the generated boards and stops at a fresh scaffold", () => {
    expect(deft("doctor", "--workspace", workspace).exit).toBe(0);
    deft("init", "empty");
    const { exit, stdout } = deft("doctor", "--workspace", "empty", "--json");
    const halted = JSON.parse(stdout).checks.filter((check: { outcome: string }) => check.outcome === "halt");
    expect([exit, halted.map((check: { id: string }) => check.id)]).toEqual([
      2,
      ["training_csv", "validation_csv", "kpi_csv", "mining_pool", "generator_assets"],
    ]);
  });

  it("call lists the tools, calls one, and exits 2 with the tool's own words when it refuses", () => {
    const listed = JSON.parse(deft("call", "--json").stdout).tools.map((tool: { name: string }) => tool.name);
    expect(listed).toEqual(expect.arrayContaining(["preflight", "run_stage", "acknowledge_stop"]));
    const status = deft("call", "loop_status", JSON.stringify({ run }), "--json");
    expect([status.exit, JSON.parse(status.stdout).run_dir]).toEqual([0, run]);
    const refused = deft("call", "run_stage", JSON.stringify({ run, stage: "evaluate" }));
    expect([refused.exit, refused.stderr]).toEqual([2, expect.stringMatching(/^stage\.out-of-order: .*\nNext: /s)]);
    expect(deft("call", "run_stage", JSON.stringify({ run, stage: "evaluate" }), "--json").stdout).toContain(
      '"code":"stage.out-of-order"',
    );
    for (const argv of [
      ["call", "no_such_tool"],
      ["call", "loop_status", "[1]"],
      ["call", "loop_status", "{"],
    ]) {
      expect([argv, deft(...argv).exit]).toEqual([argv, 2]);
    }
  });

  it("demo refuses a workspace that cannot run, for people and as JSON", () => {
    deft("init", "unfilled");
    const { exit, stdout } = deft("demo", "--workspace", "unfilled", "--json");
    expect([exit, JSON.parse(stdout).error.code]).toEqual([2, "approval.plan-incomplete"]);
    expect(deft("demo", "--workspace", "unfilled").stdout).toContain("has a header and no rows");
    expect(deft("demo", "--workspace", "nowhere").stderr).toMatch(/^input\.no-workspace: /);
    expect(deft("demo", "--max-iterations", "none").exit).toBe(2);
  });

  it("demo approves no plan by itself on boards that it did not draw, whatever a note in the folder says", async () => {
    const others = join(folder.path, "others");
    await cp(workspace, others, { recursive: true });
    await rm(join(others, "results"), { recursive: true });
    const csv = join(others, "kpi", "testing_set.csv");
    await writeFile(csv, (await readFile(csv, "utf8")).replace("nuisance none", "nuisance dust"));
    const { exit, stdout } = deft("demo", "--workspace", "others", "--json");
    const { code, facts } = JSON.parse(stdout).error;
    expect([exit, code, facts.terminal_command]).toEqual([2, "approval.no-human", expect.stringContaining("others")]);
    expect(await readdir(join(others, "results")).catch(() => [])).toEqual([]);
  });

  it("a demo that is left with Ctrl-C says where its run is, and the run goes on from there", async () => {
    const demo = startBuilt(["demo", "--workspace", workspace, "--max-iterations", "1"], { home: folder.path });
    while (!/^Run +\S+$/m.test(demo.printed.stdout)) await sleep(50);
    demo.signal("SIGINT");
    const { exit, stderr } = await demo.ended;
    const left = /deft-mcp status (\S+)/.exec(stderr)?.[1] ?? "";
    expect([exit, left]).toEqual([130, expect.stringContaining(join("boards", "results", "run_"))]);
    const server = await connect({ home: folder.path });
    expect(await drive(server, join(folder.path, left), ({ outcome }) => outcome === "committed")).toMatchObject({
      stage: "train",
    });
    await server.close();
  });

  it("help names every command, and an unknown one is refused", () => {
    expect(deft("--help").stdout).toBe(deft("help").stdout);
    expect(deft("help", "osmo", "watch").stdout).toBe(deft("osmo", "watch", "-h").stdout);
    expect([deft("-v").stdout, deft("status", "x", "--version").stdout]).toEqual(
      Array(2).fill(deft("--version").stdout),
    );
    const { exit, stderr } = deft("reprot");
    expect([exit, stderr]).toEqual([2, expect.stringContaining("did you mean deft-mcp report?")]);
  });
});

async function installed(): Promise<string> {
  const root = await mkdtemp(join(folder.path, "installed-"));
  const dist = dirname(builtBin);
  await cp(dist, join(root, "dist"), { recursive: true });
  await copyFile(join(dist, "..", "package.json"), join(root, "package.json"));
  for (const part of ["references", "skills", "agents"]) {
    await cp(join(dist, "..", part), join(root, part), { recursive: true });
  }
  return root;
}

describe("an installation", () => {
  it("that lacks a file starts neither the server nor the doctor, and says what is missing", async () => {
    const root = await installed();
    await rm(join(root, "references", "gates.md"));
    for (const command of ["serve", "doctor"]) {
      const { exit, stderr } = runBuilt([command], { home: folder.path, bin: join(root, "dist", "deft-mcp.js") });
      expect([command, exit === 0, stderr]).toEqual([command, false, expect.stringContaining("install.incomplete")]);
    }
  });

  it("whose process for files never answers is refused once, whatever would be read", async () => {
    const root = await installed();
    const workspace = await boardsIn(root);
    const starts = join(root, "starts");
    await writeFile(
      join(root, "dist", "data-process.js"),
      `import { appendFileSync } from "node:fs";
      appendFileSync(${JSON.stringify(starts)}, "x");
      process.on("disconnect", () => process.exit());
      setInterval(() => {}, 1e6);`,
    );
    const argv = ["doctor", "--workspace", workspace];
    const { exit, stderr } = runBuilt(argv, { home: root, bin: join(root, "dist", "deft-mcp.js") });
    expect([exit === 0, stderr]).toEqual([false, expect.stringContaining("install.silent-process")]);
    expect(await readFile(starts, "utf8")).toBe("x");
  });
});
