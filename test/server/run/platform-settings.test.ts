import { describe, expect, it } from "@jest/globals";
import { z } from "zod";
import { resolveSettings, type SettingsDeclaration, valuesOf } from "../../../server/run/platform-settings.ts";
import { refusalOf } from "../../support/refusal.ts";

const declared: SettingsDeclaration = {
  schema: z.strictObject({
    partition: z.string().optional(),
    gpus: z.number().int().min(1).default(1),
    exclusive: z.boolean().optional(),
    program: z.enum(["tao", "engine"]).default("tao"),
  }),
  variables: { partition: "DEFT_QUEUE" },
};

const resolve = (given: Record<string, string | number | boolean>, env: Record<string, string> = {}) =>
  resolveSettings("host", declared, given, env);

describe("the settings of a platform", () => {
  it("come from the request, else from a variable, else from their default, and say so", () => {
    const env = { DEFT_QUEUE: "long", DEFT_HOST_GPUS: "4", DEFT_HOST_EXCLUSIVE: "true" };
    expect(resolve({ gpus: 2 }, env)).toEqual({
      partition: { value: "long", source: "environment" },
      gpus: { value: 2, source: "user" },
      exclusive: { value: true, source: "environment" },
      program: { value: "tao", source: "default" },
    });
    expect(valuesOf(resolve({}))).toEqual({ gpus: 1, program: "tao" });
  });

  it("take numbers and switches as texts, and keep a text that looks like a number where a text is meant", () => {
    expect(valuesOf(resolve({ gpus: "8", exclusive: "false", partition: "7" }))).toEqual({
      gpus: 8,
      exclusive: false,
      partition: "7",
      program: "tao",
    });
  });

  it("refuse a key that the platform has not, with the one that was meant", async () => {
    const refusal = await refusalOf(async () => resolve({ partion: "long" }));
    expect(refusal.code).toBe("input.unknown-field");
    expect(refusal.message).toBe('Platform host has no setting "partion"; did you mean partition?');
    expect((await refusalOf(async () => resolve({ zzz: "long" }))).message).toMatch(/"zzz"; it has .*partition/);
    expect((await refusalOf(async () => resolveSettings("embedded", undefined, { gpus: 1 }, {}))).message).toBe(
      'Platform embedded has no setting "gpus"; it has none',
    );
  });

  it.each([
    [{ gpus: "many" }, /^Setting gpus of host: /],
    [{ gpus: 0 }, /^Setting gpus of host: /],
    [{ program: "both" }, /^Setting program of host: /],
  ])("refuse %j", async (given, message) => {
    const refusal = await refusalOf(async () => resolve(given as Record<string, string>));
    expect(refusal.code).toBe("input.invalid");
    expect(refusal.message).toMatch(message);
  });

  it("refuse the value of a secret, wherever it comes from", async () => {
    const env = { HF_TOKEN: "hf_abcdefgh", DEFT_QUEUE: "hf_abcdefgh" };
    const refusal = await refusalOf(async () => resolve({}, env));
    expect(refusal.message).toContain("HF_TOKEN");
    expect(JSON.stringify([refusal.message, refusal.facts])).not.toContain("hf_abcdefgh");
  });
});
