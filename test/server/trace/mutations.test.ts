import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { generateWorkspace } from "../../../engine/workspace/generate.ts";
import { streamOf } from "../../../engine/workspace/random.ts";
import { run as replay } from "../../../server/cli/replay.ts";
import { blurText } from "../../../server/trace/blur.ts";
import { runCommand } from "../../support/command.ts";
import { editTrace, type Lines } from "../../support/edited-trace.ts";
import { folderOfFile, temporaryFolders } from "../../support/folder.ts";
import { type Mutation, mutate } from "../../support/mutations.ts";
import { spoiledTraces } from "../../support/soak.ts";

const file = folderOfFile();
const newFolder = temporaryFolders();
let workspace: string;

beforeAll(async () => {
  workspace = join(file.path, "boards");
  await generateWorkspace(workspace, { seed: 5, size: "tiny" });
});

type Difference = { line: number; path: string; expected: unknown; actual: unknown };

/** A difference names log entries by their place before an answer, everything else by the recorded line. */
function isOf(mutation: Mutation, { line, path, expected }: Difference): boolean {
  const same = JSON.stringify(expected) === JSON.stringify(blurred(mutation.after));
  if (!same) return false;
  return line === mutation.n ? path.endsWith(mutation.path) : path.endsWith(`].${mutation.path}`);
}

const blurred = (value: unknown) => (typeof value === "string" ? blurText(value) : value);

/** Fields that only time and host decide (references/replay.md); a text may also differ in nothing but these. */
const declared = /(^|\.)(duration_sec|waited_sec|elapsed_sec|eta_sec|estimate_sec|pid|spawned_at_ms)$/;
const isDeclared = ({ path, before, after }: Mutation) =>
  declared.test(path) || (typeof before === "string" && blurText(before) === blurText(String(after)));

describe("of changes at random places", () => {
  it.each(spoiledTraces)("in %s, connection %i, none of %i is missed", async (name, connection, count) => {
    let made: Mutation[] = [];
    const edit = (lines: Lines) => {
      made = mutate(lines, count, streamOf(11, name, String(connection)));
      return lines;
    };
    const folder = await editTrace(resolve("test/traces", name), await newFolder(), edit, { connection });
    // An update goes on after a difference, so one replay finds them all.
    const { stdout } = await runCommand(replay, [folder, "--workspace", workspace, "--update", "--json"]);
    const { differences } = JSON.parse(stdout) as { differences: Difference[] };
    expect(made).toHaveLength(count);
    const missed = made.filter((mutation) => !mutation.blurred && !differences.some((one) => isOf(mutation, one)));
    expect(missed).toEqual([]);
    expect(made.filter((mutation) => mutation.blurred && !isDeclared(mutation))).toEqual([]);
    expect(made.filter(({ blurred: covered }) => covered).length).toBeLessThan(count / 10);
  });
});
