import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { withSecretFile } from "../../../../server/exec/osmo/cli.ts";
import { temporaryFolders } from "../../../support/folder.ts";
import { agreeing, allArtifacts, osmoDesks } from "../../../support/osmo-desk.ts";
import { good, settled, submit } from "../../../support/osmo-submit.ts";
import { refusalOf } from "../../../support/refusal.ts";

const folder = temporaryFolders();
const open = osmoDesks("process");
const names = ["NGC_KEY", "NGC_API_KEY", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "EVALUATOR_TOKEN", "SOME_CREDENTIAL"];

async function everythingUnder(dir: string): Promise<string> {
  const texts: string[] = [];
  for (const name of await readdir(dir, { recursive: true })) {
    if ((await stat(join(dir, name))).isFile()) texts.push(await readFile(join(dir, name), "latin1"));
  }
  return texts.join("\n");
}

describe("a file that holds a secret", () => {
  it("is for this user alone, and gone afterwards, whatever happens", async () => {
    const home = await folder();
    const seen: string[] = [];
    const use = async (path: string) => {
      seen.push(path);
      expect([(await stat(path)).mode & 0o777, await readFile(path, "utf8")]).toEqual([0o600, "hf_canary"]);
      throw new Error("the program failed");
    };
    await expect(withSecretFile("hf_canary", use, home)).rejects.toThrow("the program failed");
    expect(seen).toHaveLength(1);
    expect(await readdir(home)).toEqual([]);
  });

  it("that the disk does not take is a refusal with path and errno, and without the secret", async () => {
    const home = join(await folder(), "absent");
    const refusal = await refusalOf(() => withSecretFile("hf_canary", async () => undefined, home));
    expect([refusal.code, refusal.facts]).toEqual(["input.write-failed", { path: home, errno: "ENOENT" }]);
    expect(JSON.stringify(refusal.told)).not.toContain("hf_canary");
  });
});

describe("a submit", () => {
  it("sends OSMO no secret of the environment, in no header and no body, and writes none", async () => {
    const desk = await settled(await open());
    await desk.store(...allArtifacts);
    for (const name of names) desk.env[name] = `canary-${name}`;
    const done = await submit(desk.connect(agreeing()), good);
    expect(done.outcome).toBe("submitted");
    expect(desk.service.received.length).toBeGreaterThan(3);
    const all = [...desk.service.received, JSON.stringify(done), await everythingUnder(desk.home)].join("\n");
    expect(all).not.toContain("canary-");
    expect(all).toContain("x-osmo-user");
  });
});
