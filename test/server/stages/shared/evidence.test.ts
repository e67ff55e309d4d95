import { expect, it } from "@jest/globals";
import { Refusal } from "../../../../server/errors.ts";
import { asEvidence } from "../../../../server/stages/shared/evidence.ts";
import { refusalOf } from "../../../support/refusal.ts";

const reading = (code: ConstructorParameters<typeof Refusal>[0]) =>
  refusalOf(() => asEvidence("a.parquet", () => Promise.reject(new Refusal(code, "said", { limit_sec: 1 }))));

it("a spoiled file is missing evidence of its job; that this program cannot read at all is not", async () => {
  const { code, facts } = await reading("input.bad-parquet");
  expect([code, facts]).toEqual([
    "stage.evidence-missing",
    { path: "a.parquet", reason: "input.bad-parquet", limit_sec: 1 },
  ]);
  expect((await reading("install.silent-process")).code).toBe("install.silent-process");
});
