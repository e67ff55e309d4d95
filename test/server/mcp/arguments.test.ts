import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { z } from "zod";
import { Refusal } from "../../../server/errors.ts";
import { failureText } from "../../../server/mcp/answer.ts";
import { parseArguments } from "../../../server/mcp/arguments.ts";
import { keyValuesField } from "../../../server/run/key-values.ts";
import { refusalOf } from "../../support/refusal.ts";

const schema = z.strictObject({ max_iterations: z.number().int().optional(), kpi_target: z.string().optional() });

describe("arguments", () => {
  it("name the nearest field for an unknown one", async () => {
    const refusal = await refusalOf(() => parseArguments(schema, { max_iteration: 2 }));
    expect(refusal.code).toBe("input.unknown-field");
    expect(refusal.facts).toEqual({
      unknown: ["max_iteration"],
      nearest: "max_iterations",
      known: ["max_iterations", "kpi_target"],
    });
  });

  it("name every argument that does not fit", async () => {
    const refusal = await refusalOf(() => parseArguments(schema, { max_iterations: "two", kpi_target: 1 }));
    expect(refusal.code).toBe("input.invalid");
    expect(refusal.facts.problems).toHaveLength(2);
  });

  it("may be left out altogether", () => {
    expect(parseArguments(schema, undefined)).toEqual({});
    expect(parseArguments(schema, null)).toEqual({});
  });

  it("give a refusal with a code for anything at all", () => {
    fc.assert(
      fc.property(fc.anything(), (given) => {
        try {
          parseArguments(schema, given);
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
        }
      }),
    );
  });
});

const sent = z.strictObject({
  max_iterations: z.number().int().optional(),
  min_similarity: z.number().optional(),
  synthetic_only: z.boolean().default(false),
  knobs: z.record(z.string(), z.unknown()).optional(),
  settings: keyValuesField(z.unknown()).optional(),
  platform: z.enum(["embedded", "docker"]).optional(),
  kpi_target: z.string().optional(),
  workspace: z.string().optional(),
  run: z.string().optional(),
  value: z.string().optional(),
  csv: z.string(),
});

describe("arguments as clients send them", () => {
  const parse = (given: object) =>
    parseArguments(sent, { csv: "a.csv", ...given }, { env: { HOME: "/home/me" }, keepsBlank: ["value"] });
  const plain = { csv: "a.csv", synthetic_only: false };

  it.each(Object.keys(sent.shape).filter((name) => name !== "csv"))("null means that %s is absent", (name) => {
    expect(parse({ [name]: null })).toEqual(plain);
  });

  it.each<[string, object, object]>([
    ["empty optional text", { kpi_target: "", workspace: "  ", platform: "" }, {}],
    ["empty text that is a value", { value: "" }, { value: "" }],
    ["a number as text", { max_iterations: "3", min_similarity: "0.9" }, { max_iterations: 3, min_similarity: 0.9 }],
    ["a boolean as text", { synthetic_only: "True" }, { synthetic_only: true }],
    ["an object as text", { knobs: '{"a": 1}' }, { knobs: { a: 1 } }],
    ["pairs as text", { settings: '["a=1"]' }, { settings: { a: "1" } }],
    ["pairs as an object in text", { settings: '{"a": 1}' }, { settings: { a: 1 } }],
    ["an enum with blanks", { platform: " docker " }, { platform: "docker" }],
    ["a file URI", { workspace: "file:///data/my%20boards" }, { workspace: "/data/my boards" }],
    ["quotes", { workspace: "'/data/boards'", csv: '"b.csv"' }, { workspace: "/data/boards", csv: "b.csv" }],
    ["the home directory", { workspace: "~/boards" }, { workspace: "/home/me/boards" }],
    ["a run's URI", { run: "deft://run/run_20260101_000000/report" }, { run: "run_20260101_000000" }],
    ["text that only looks like a path", { kpi_target: "~ 1" }, { kpi_target: "~ 1" }],
  ])("%s", (_what, given, meant) => {
    expect(parse(given)).toEqual({ ...plain, ...meant });
  });

  it.each<[string, object]>([
    ["a number in words", { max_iterations: "three" }],
    ["a number with a unit", { max_iterations: "3 iterations" }],
    ["a fraction of a whole number", { max_iterations: "2.5" }],
    ["half an object", { knobs: '{"a": ' }],
    ["a required text that is null", { csv: null }],
    ["a file of another machine", { workspace: "file://server/share" }],
  ])("refuse %s", async (_what, given) => {
    expect((await refusalOf(() => parse(given))).code).toBe("input.invalid");
  });

  it("answer a Windows path with the form that it has here", async () => {
    const refusal = await refusalOf(() => parse({ workspace: "C:\\data\\boards" }));
    expect(refusal.code).toBe("input.invalid");
    expect(refusal.facts).toMatchObject({ here: "/mnt/c/data/boards" });
  });
});

describe("a refusal on the wire", () => {
  it("is code and message, the facts as one fenced line, and the remedy", () => {
    const refusal = new Refusal("input.no-run", "No run.", { workspace: "/w" });
    expect(failureText(refusal, "1")).toBe(
      'input.no-run: No run.\n```json\n{"workspace":"/w"}\n```\nNext: Call preflight to plan a run (`deft-mcp run` at a terminal), or name an existing run directory.',
    );
  });

  it("says when it ends the run", () => {
    expect(failureText(new Refusal("stage.failed", "x"), "1")).toContain('{"hard_stop":true}');
  });

  it("shows nothing of a defect but its incident", () => {
    expect(failureText(new TypeError("secret"), "beef")).not.toContain("secret");
    expect(failureText(new TypeError("secret"), "beef")).toContain("incident beef");
  });
});
