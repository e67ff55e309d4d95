import { describe, expect, it } from "@jest/globals";
import { fourDigits, progressText, summaryShown } from "../../../server/run/figures.ts";

describe("figures for people", () => {
  it("have four digits", () => {
    expect([0.006416374458030243, 0.98744863, 22.142857, 3, 1e-9].map(fourDigits)).toEqual([
      "0.006416",
      "0.9874",
      "22.14",
      "3",
      "1e-9",
    ]);
  });

  it("stand in what a stage says, with paths from the run's folder; names and versions stay", () => {
    const said =
      "Train: val_loss=0.006416374458030243 best_ckpt=best_val:/w/results/run_1/baseline/model_0.123456.pth, 10.0.123456, loss -1.234567e-05";
    expect(summaryShown(said, "/w/results/run_1")).toBe(
      "Train: val_loss=0.006416 best_ckpt=best_val:baseline/model_0.123456.pth, 10.0.123456, loss -0.00001235",
    );
  });

  it("tell the time that is left where it is known", () => {
    expect(progressText({ message: "epoch 1 of 9", eta_sec: 125 })).toBe("epoch 1 of 9, about 2m left");
    expect(progressText({ message: "epoch 1 of 9" })).toBe("epoch 1 of 9");
  });
});
