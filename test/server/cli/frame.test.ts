import { describe, expect, it } from "@jest/globals";
import { type CommandName, commandsBelow, declarationOf } from "../../../server/cli/declarations.ts";
import { type Run, settled } from "../../../server/cli/frame.ts";
import { helpOf } from "../../../server/cli/help-text.ts";
import { parse } from "../../../server/cli/parse.ts";
import { version } from "../../../server/run/version.ts";
import { runCommand } from "../../support/command.ts";
import { refusalOf } from "../../support/refusal.ts";

const commands = commandsBelow().flatMap((name) => [name, ...commandsBelow(name)]);

/** Calls a command of one or two words as `server/main.ts` does. */
async function called(name: CommandName, ...argv: string[]) {
  const [file, ...verb] = name.split(" ");
  const { run } = (await import(`../../../server/cli/${file}.ts`)) as { run: Run };
  return await runCommand(run, [...verb, ...argv], "/");
}

describe.each(commands)("deft-mcp %s", (name) => {
  it("explains itself wherever it is asked to, and does nothing else", async () => {
    const told = { code: 0, stdout: helpOf(name), stderr: "" };
    for (const argv of [["--help"], ["-h"], ["a", "b", "--help"], ["--no-such-option", "-h"]]) {
      // The first word of a group chooses.
      if (commandsBelow(name).length > 0 && argv[0] === "a") continue;
      expect([argv, await called(name, ...argv)]).toEqual([argv, told]);
    }
    expect(told.stdout.startsWith(`usage: deft-mcp ${name}`)).toBe(true);
    for (const option of Object.keys(declarationOf(name).options)) expect(told.stdout).toContain(`  --${option}`);
    for (const flag of ["--version", "-v"]) {
      expect(await called(name, flag)).toEqual({ code: 0, stdout: `deft-mcp ${version}\n`, stderr: "" });
    }
  });

  it("refuses what it does not know: one object on stdout with --json, else the same on stderr", async () => {
    const shown = await called(name, "--no-such-option", "--json");
    const { ok, error } = JSON.parse(shown.stdout);
    expect([shown.code, shown.stderr, ok, Object.keys(error)]).toEqual([
      2,
      "",
      false,
      ["code", "message", "facts", "remedy"],
    ]);
    const { code, stdout, stderr } = await called(name, "--no-such-option");
    expect([code, stdout, stderr.split("\n", 1)[0]]).toEqual([2, "", `${error.code}: ${error.message}`]);
    expect(stderr).toMatch(/\n {2}help: deft-mcp .*--help\nNext: .+\n$/);
  });
});

describe("arguments", () => {
  it.each<[CommandName, string[], RegExp]>([
    ["kpi", ["--recall", "1"], /no option "--recall"; did you mean --min-recall\?$/],
    ["kpi", ["--jsn"], /did you mean --json\?$/],
    ["kpi", ["--xyzzy"], /no option "--xyzzy"$/],
    ["kpi", ["-x"], /no option "-x"$/],
    ["kpi", ["--json=1"], /--json takes no value/],
    ["kpi", ["--min-recall"], /--min-recall takes SHARE/],
    ["kpi", ["--output-dir", "--json"], /--output-dir takes DIR/],
    ["kpi", ["--output-dir="], /--output-dir takes DIR/],
    ["kpi", ["--min-recall", "1,0"], /must be a number from 0 to 1/],
    ["kpi", ["--min-recall", "1.01"], /must be a number from 0 to 1/],
    ["kpi", ["--min-recall", "0x1"], /must be a number from 0 to 1/],
    ["kpi", ["a.csv", "b.csv"], /takes \[CSV\|RUN\]/],
    ["init", [], /takes DIR/],
    ["init", ["d", "--seed", "1.5"], /must be a whole number/],
    ["demo", ["--platform", "cloud"], /--platform takes embedded\|docker/],
    ["demo", ["more"], /takes no argument without a name/],
    ["gaps", ["--inference-dir", "d"], /--train-config is required/],
    ["osmo plan", ["f", "--set", "k"], /--set takes KEY=VALUE/],
    ["osmo plan", ["f", "--set", "=v"], /--set takes KEY=VALUE/],
  ])("%s %j is refused", async (name, argv, message) => {
    expect((await refusalOf(() => parse(name, argv, "/"))).message).toMatch(message);
  });

  it("come as declared: paths absolute, numbers as numbers, repeated ones together, what is left out by default", () => {
    const kpi = parse("kpi", ["--min-recall=.5", "x.csv", "--output-dir", "o", "--", "--json"].slice(0, 4), "/at");
    expect(kpi.positionals).toEqual(["x.csv"]);
    expect(kpi.options).toMatchObject({ "min-recall": 0.5, "output-dir": "/at/o", json: false, iteration: undefined });
    expect(parse("kpi", ["--", "--json"], "/at")).toMatchObject({ positionals: ["--json"], options: { json: false } });
    expect(parse("tokens", ["--transcript", "a", "--transcript", "/b"], "/at").options.transcript).toEqual([
      "/at/a",
      "/b",
    ]);
    expect(parse("osmo plan", ["f", "--set", "a=1=2", "--set", "b="], "/").options.set).toEqual({ a: "1=2", b: "" });
    expect(parse("demo", [], "/").options).toMatchObject({ platform: "embedded", "max-iterations": 2, seed: 1 });
    const dirs = ["--inference-dir=i", "--train-config=t", "--media-root=m", "--output-dir=o"];
    expect(parse("gaps", [...dirs, "--threshold", "-0.5"], "/").options.threshold).toBe(-0.5);
  });
});

it("a defect is exit 1 with its stack on stderr, and with --json one object too", async () => {
  const work = async () => {
    throw new TypeError("broken");
  };
  const people = await runCommand((argv, io) => settled(argv, io, work), []);
  expect(people).toEqual({ code: 1, stdout: "", stderr: expect.stringMatching(/^deft-mcp: TypeError: broken\n +at /) });
  const { code, stdout } = await runCommand((argv, io) => settled(argv, io, work), ["--json"]);
  expect([code, JSON.parse(stdout)]).toMatchObject([1, { ok: false, error: { code: "internal", message: "broken" } }]);
});

it("a group names its commands, and the one that was probably meant", async () => {
  const refused = async (...argv: string[]) => JSON.parse((await called("osmo", ...argv, "--json")).stdout).error;
  expect((await refused("wacth")).message).toBe('There is no command "wacth"; did you mean deft-mcp osmo watch?');
  expect(await refused()).toMatchObject({
    message: "deft-mcp osmo takes a command.",
    facts: { help: "deft-mcp osmo --help" },
  });
  expect((await refused()).facts.known).toContain("deft-mcp osmo submit");
});
