import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { z } from "zod";
import { keyValues, keyValuesField, listOrText } from "../../../server/run/key-values.ts";

const settings = z.strictObject({
  knobs: keyValuesField(z.unknown(), listOrText).optional().describe("KEY=VALUE"),
});
const read = (knobs: unknown) => settings.parse({ knobs }).knobs;

describe("names that no schema lists", () => {
  it("are shown to clients as a list of texts, which strict schemas can say", () => {
    const shown = { type: "array", items: { type: "string" }, description: "KEY=VALUE" };
    expect(z.toJSONSchema(settings, { io: "input" })).toMatchObject({ properties: { knobs: shown } });
    expect(settings.parse({})).toEqual({});
  });

  it.each<[string, unknown, Record<string, unknown>]>([
    ["a list", ["train_gpu=4", "dig_url_root=s3://a/b?c=d"], { train_gpu: "4", dig_url_root: "s3://a/b?c=d" }],
    ["a list within the list", ['anomaly_types_json=["bridge"]'], { anomaly_types_json: ["bridge"] }],
    ["text that only begins as a list", ["a=[x"], { a: "[x" }],
    ["an empty value", ["a="], { a: "" }],
    ["nothing", [], {}],
    ["an object", { train_gpu: 4, modes: ["tombstone"] }, { train_gpu: 4, modes: ["tombstone"] }],
  ])("are read from %s", (_what, given, meant) => {
    expect(read(given)).toEqual(meant);
  });

  it.each<[string, unknown, RegExp]>([
    ["text without a sign", ["train_gpu"], /takes a list of KEY=VALUE, not \\"train_gpu\\"/],
    ["a pair without a name", ["=4"], /takes a list of KEY=VALUE/],
    ["a name that is there twice", ["a=1", "a=2"], /takes each name once/],
    ["objects in a list", [{ key: "a", value: 1 }], /takes a list of KEY=VALUE/],
    ["a number", 4, /takes a list of KEY=VALUE/],
    ["a name that no record can hold", ["__proto__=4"], /takes no name __proto__/],
    ["an object with such a name", JSON.parse('{"__proto__": 4}'), /takes no name __proto__/],
  ])("are refused as %s", (_what, given, message) => {
    expect(() => read(given)).toThrow(message);
  });

  it("come back from the list that is made of them", () => {
    const name = fc.stringMatching(/^[a-z_]{1,12}$/).filter((text) => text !== "__proto__");
    const value = fc.oneof(fc.stringMatching(/^[^[\s].*$/), fc.array(fc.string(), { maxLength: 3 }));
    fc.assert(
      fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (values) => {
        expect(read(keyValues(values))).toEqual(values);
      }),
    );
  });
});
