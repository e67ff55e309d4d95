import { cp, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run as replay } from "../../../server/cli/replay.ts";
import { traceFormat } from "../../../server/trace/format.ts";
import { loadTrace } from "../../../server/trace/load.ts";
import { describeLine } from "../../../server/trace/show.ts";
import { runCommand } from "../../support/command.ts";
import { temporaryFolders } from "../../support/folder.ts";

const histories = resolve("test/histories");
const newFolder = temporaryFolders();

describe("a trace of an older format", () => {
  it("is kept for every format that there was", async () => {
    const older = Array.from({ length: traceFormat - 1 }, (_, at) => `format-${at + 1}`);
    expect(await readdir(histories)).toEqual(older);
  });

  it.each([
    ["format-1", 1],
    ["format-2", 2],
  ])("%s is read, shown and replayed; what goes another way now is a difference", async (name, format) => {
    const trace = await loadTrace(join(histories, name));
    expect(trace.connections[0]?.head.format).toBe(format);
    expect(trace.order.flatMap(({ line }) => describeLine(line) ?? []).length).toBeGreaterThan(20);
    const folder = join(await newFolder(), "trace");
    await cp(join(histories, name), folder, { recursive: true });
    const { code, stdout } = await runCommand(replay, [folder, "--update", "--json"]);
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { ok: true, calls: 11 }]);
  });
});
