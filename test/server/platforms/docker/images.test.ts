import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { chooseImages } from "../../../../server/platforms/docker/images.ts";
import { temporaryFolders } from "../../../support/folder.ts";
import { refusalOf } from "../../../support/refusal.ts";

const folder = temporaryFolders();

const bank = `images:
  tao_toolkit:
    pyt: registry.example/pyt:9
    data_services: registry.example/ds:9
  metropolis_sdg:
    paidf_anomalygen: registry.example/ag:9
`;

describe("which image a job runs in", () => {
  it("is the published one by default", async () => {
    const images = await chooseImages({});
    expect(Object.values(images).map(({ uri }) => uri)).toEqual([
      "nvcr.io/nvidia/tao/tao-toolkit:7.1.0-pyt",
      "nvcr.io/nvidia/tao/tao-toolkit:7.1.0-data-services",
      "nvcr.io/nvidia/paidf-anomalygen:1.0.1",
    ]);
  });

  it("is the skill bank's when the user has one, and a variable of the environment wins over both", async () => {
    const dir = await folder();
    await writeFile(join(dir, "versions.yaml"), bank);
    const images = await chooseImages({ TAO_SKILL_BANK_PATH: dir, DS_IMAGE: "local/ds:1" });
    expect(images.tao_pyt).toEqual({ uri: "registry.example/pyt:9", source: join(dir, "versions.yaml") });
    expect(images.tao_ds).toEqual({ uri: "local/ds:1", source: "DS_IMAGE" });
  });

  it("is refused, not left empty, when the skill bank lacks the key", async () => {
    const dir = await folder();
    await writeFile(join(dir, "versions.yaml"), bank.replace("pyt:", "pytorch:"));
    const refusal = await refusalOf(() => chooseImages({ TAO_SKILL_BANK_PATH: dir }));
    expect(refusal.code).toBe("executor.image-missing");
    expect(refusal.facts.key).toBe("images.tao_toolkit.pyt");
  });
});
