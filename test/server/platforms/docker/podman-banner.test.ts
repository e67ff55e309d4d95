import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { dockerCli } from "../../../../server/platforms/docker/cli.ts";
import { temporaryFolders } from "../../../support/folder.ts";
import { refusalOf } from "../../../support/refusal.ts";

const folder = temporaryFolders();

it("podman that says so is named at the first command", async () => {
  const bin = await folder();
  const script =
    '#!/bin/sh\necho "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg." >&2\necho "{}"\n';
  await writeFile(join(bin, "docker"), script);
  await chmod(join(bin, "docker"), 0o755);
  const docker = dockerCli({ PATH: `${bin}:/usr/bin:/bin` });
  const refusal = await refusalOf(() => docker.run(["version"]));
  expect(refusal).toMatchObject({ code: "executor.unavailable", facts: { cause: "podman" } });
});
