import { chmod, lstat, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { openClient } from "../../../../server/exec/osmo/client.ts";
import { filesBelow } from "../../../../server/fs/folder.ts";
import { stageKeys } from "../../../../server/osmo/run-outputs.ts";
import { redact } from "../../../../server/run/redact.ts";
import { cpuMs } from "../../../support/cpu.ts";
import { temporaryFolders } from "../../../support/folder.ts";
import { refusalOf } from "../../../support/refusal.ts";

const folder = temporaryFolders();
const slowMs = 5000;

/** A client of an `osmo` that is the given shell script; its arguments are the script's own. */
async function clientOf(script: string) {
  const bin = join(await folder(), "osmo");
  await writeFile(bin, `#!/bin/sh\n${script}\n`);
  await chmod(bin, 0o755);
  return openClient({ env: { PATH: process.env.PATH, DEFT_OSMO_BIN: bin } });
}

const repeat = (text: string, count: number) => `head -c ${text.length * count} /dev/zero | tr '\\0' '${text}'`;

describe("answers of the OSMO CLI", () => {
  it.each([
    ["a million lists deep", `${repeat("[", 1_000_000)}; ${repeat("]", 1_000_000)}`, "osmo.bad-answer"],
    ["a million open maps", repeat("{", 1_000_000), "osmo.bad-answer"],
    ["40 MB of one text", `printf '"'; ${repeat("a", 40_000_000)}; printf '"'`, "osmo.rejected"],
    ["NUL bytes", "head -c 1000 /dev/zero", "osmo.bad-answer"],
    ["null", "echo null", "osmo.bad-answer"],
    ["a prototype", `echo '{"__proto__":{"name":"x","status":"y"}}'`, "osmo.bad-answer"],
    ["20 MB of an error", `printf 'Error message: '; ${repeat("e", 20_000_000)}; exit 1`, "osmo.rejected"],
  ])(
    "of %s are refused, soon, with a short piece of it",
    async (_, script, code) => {
      const client = await clientOf(script);
      const began = cpuMs();
      const refusal = await refusalOf(() => client.query("wf-1"));
      expect(cpuMs() - began).toBeLessThan(slowMs);
      expect(refusal.code).toBe(code);
      expect(JSON.stringify(refusal.facts).length).toBeLessThan(2000);
    },
    30_000,
  );

  it("that look like one secret after the other are searched in linear time", () => {
    const began = cpuMs();
    for (const text of ["ey-", "Bearer ", "TOKEN=", "hf_", "eyJabcdefghij."]) redact(text.repeat(300_000));
    expect(cpuMs() - began).toBeLessThan(slowMs);
    expect(redact("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl y")).toBe("x [redacted] y");
  });

  it("keep no key that leads out of its stage", async () => {
    const mark = "bucket/runs/r/augment";
    const keys = [`${mark}/crop/a.png`, `${mark}/../../../x.png`, `${mark}//etc/passwd`, `${mark}/a/../../b.png`];
    const client = await clientOf(`printf '%s\\n' ${keys.join(" ")} 'Total 4 objects found'`);
    const run = { name: "r", flow: "finetune", root: "s3://bucket", values: {}, workflow_id: undefined } as const;
    expect(await stageKeys(client, run, "augment")).toEqual(["crop/a.png"]);
  });
});

describe("a download", () => {
  it("keeps files and directories alone: no link leads out, no FIFO holds a reader up", async () => {
    const home = await folder();
    const outside = join(home, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "secret"), "untouched");
    const client = await clientOf(
      [
        `cd "$4"; echo kept > a.txt; mkdir -p deep; echo kept > deep/b.txt`,
        `ln -s ${outside}/secret deep/link.txt; ln -s ${outside} folder; ln -s / root; ln -s loop loop; mkfifo pipe`,
      ].join("\n"),
    );
    const dir = join(home, "down");
    await mkdir(dir);
    await client.download("s3://bucket/x", dir);
    expect(await filesBelow(dir)).toEqual(["a.txt", "deep/b.txt"]);
    for (const name of ["deep/link.txt", "folder", "root", "loop", "pipe"]) {
      await expect(lstat(join(dir, name))).rejects.toMatchObject({ code: "ENOENT" });
    }
    expect(await readFile(join(outside, "secret"), "utf8")).toBe("untouched");
  });
});
