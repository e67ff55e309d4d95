import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { z } from "zod";
import { Refusal } from "../../../server/errors.ts";
import { failureText } from "../../../server/mcp/answer.ts";
import { parseArguments } from "../../../server/mcp/arguments.ts";
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
    const refusal = await refusalOf(() => parseArguments(schema, { max_iterations: "2", kpi_target: 1 }));
    expect(refusal.code).toBe("input.invalid");
    expect(refusal.facts.problems).toHaveLength(2);
  });

  it("may be left out altogether", () => {
    expect(parseArguments(schema, undefined)).toEqual({});
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

describe("a refusal on the wire", () => {
  it("is code and message, the facts as one fenced line, and the remedy", () => {
    const refusal = new Refusal("input.no-run", "No run.", { workspace: "/w" });
    expect(failureText(refusal, "1")).toBe(
      'input.no-run: No run.\n```json\n{"workspace":"/w"}\n```\nNext: Call preflight to plan a run, or name an existing run directory.',
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
