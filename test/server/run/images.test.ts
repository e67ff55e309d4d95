import { describe, expect, it } from "@jest/globals";
import type { ChangeNetRow } from "../../../server/data/changenet.ts";
import { imagesOf, inWorkspaceSpace, joinPath, normalPath } from "../../../server/run/images.ts";
import { canonicalLabel, isPass, looksNumeric, readsAsMissing } from "../../../server/run/pass-labels.ts";

const row = (input_path: string, golden_path = "golden/b0/"): ChangeNetRow => ({
  input_path,
  golden_path,
  label: "PASS",
  object_name: "C1@1",
});

describe("image paths of a row", () => {
  const layout = { images_dir: "/ws/images", lightings: ["SolderLight", "WhiteLight"], image_ext: ".jpg" };

  it("are one pair a lighting, in the order of the spec", () => {
    expect(imagesOf(row("boards/b0"), layout)).toEqual([
      { input: "/ws/images/boards/b0/C1@1_SolderLight.jpg", golden: "/ws/images/golden/b0/C1@1_SolderLight.jpg" },
      { input: "/ws/images/boards/b0/C1@1_WhiteLight.jpg", golden: "/ws/images/golden/b0/C1@1_WhiteLight.jpg" },
    ]);
  });

  it("carry no lighting when the spec has none, and an absolute directory stands for itself", () => {
    const bare = { ...layout, lightings: [] };
    expect(imagesOf(row("/pool/x/"), bare)).toEqual([
      { input: "/pool/x/C1@1.jpg", golden: "/ws/images/golden/b0/C1@1.jpg" },
    ]);
  });

  it("join like the loader joins: an empty part keeps the slash, an absolute part starts anew", () => {
    expect([joinPath("a", "b", "c"), joinPath("a/", "b/", "c"), joinPath("a", ""), joinPath("a", "/b")]).toEqual([
      "a/b/c",
      "a/b/c",
      "a/",
      "/b",
    ]);
    expect(inWorkspaceSpace("images", "boards/b0/")).toBe("images/boards/b0/");
  });

  it.each([
    ["a/b", "a/b"],
    ["a//b/./c/", "a/b/c"],
    ["a/../b", "b"],
    ["../a/..", ".."],
    ["/../a", "/a"],
    ["./", "."],
    ["", "."],
    ["/", "/"],
    ["a..b/.c", "a..b/.c"],
  ])("%j is normally spelled %j", (path, normal) => expect(normalPath(path)).toBe(normal));
});

describe("labels", () => {
  it.each([
    ["PASS", "PASS"],
    [" pass", "PASS"],
    ["Missing ", "missing"],
    ["P ASS", "p ass"],
    ["NO_PASS", "no_pass"],
  ])("%j is %j on disk", (label, canonical) => {
    expect(canonicalLabel(label)).toBe(canonical);
    expect(isPass(label)).toBe(canonical === "PASS");
  });

  it("knows the cells that the training loader would change", () => {
    for (const cell of ["", "NA", "nan", "None", "null", "#N/A"]) expect(readsAsMissing(cell)).toBe(true);
    for (const cell of ["na", "none", "PASS", "0", " "]) expect(readsAsMissing(cell)).toBe(false);
    for (const cell of ["12", "-1.5e3", " 7 ", "True", "inf", "00041"]) expect(looksNumeric(cell)).toBe(true);
    for (const cell of ["12a", "b0", "", "1,5", "0x10"]) expect(looksNumeric(cell)).toBe(false);
  });
});
