import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { keep } from "../../../../server/durable/keeper.ts";
import { readTrouble } from "../../../../server/durable/work.ts";
import type { Refusal } from "../../../../server/errors.ts";
import { fixes } from "../../../../server/platforms/docker/fixes.ts";
import { readinessStem, readReady } from "../../../../server/platforms/docker/readiness.ts";
import { preparation } from "../../../../server/platforms/docker/ready.ts";
import { aRun, aState } from "../../../support/a-run.ts";
import { temporaryFolders } from "../../../support/folder.ts";
import { refusalOf } from "../../../support/refusal.ts";

const newFolder = temporaryFolders();

/** The refusal that preparing a run ends with on a host whose images have this id. */
async function preparedWith(id: string): Promise<Refusal | undefined> {
  const home = await newFolder();
  const bin = join(home, "bin");
  await mkdir(bin);
  const image = JSON.stringify([{ Id: id, Architecture: "amd64", Size: 1 }]);
  const script = `#!/bin/sh\ncase "$1" in image) echo '${image}';; version) echo amd64;; *) exit 1;; esac\n`;
  await writeFile(join(bin, "docker"), script);
  await chmod(join(bin, "docker"), 0o755);
  const { plan } = aState(join(home, "results", "run_20261121_100000"));
  const inputs = { containers: { tao_pyt: { uri: "local/pyt:1", id: "sha256:approved" } } };
  const runDir = await aRun(home, { plan: { ...plan, platform: "docker", inputs } });
  const stem = readinessStem(runDir);
  await keep(stem, preparation(fixes), { PATH: `${bin}:${process.env.PATH}`, HOME: home });
  return await readTrouble(stem);
}

describe("the images of a run", () => {
  it("are those that were approved, or the run does not begin", async () => {
    const trouble = await preparedWith("sha256:other");
    expect(trouble?.code).toBe("executor.image-changed");
    expect(trouble?.facts).toMatchObject({ approved: "sha256:approved", found: "sha256:other" });
  });

  it("are not known before the run was made ready", async () => {
    const runDir = await aRun(await newFolder());
    expect((await refusalOf(() => readReady(runDir))).code).toBe("executor.not-ready");
  });
});
