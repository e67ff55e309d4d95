import { describe, expect, it } from "@jest/globals";
import type { DockerAnswer } from "../../../../server/platforms/docker/cli.ts";
import { surveyDocker } from "../../../../server/platforms/docker/survey.ts";
import { refusalOf } from "../../../support/refusal.ts";

const podmanInfo = {
  host: { security: { rootless: true } },
  store: { graphRoot: "/var/lib/containers/storage" },
  version: { Version: "5.4.0" },
};

/** What stands behind the docker command answers every command with this. */
const behind = (stdout: string) => ({ run: async (): Promise<DockerAnswer> => ({ code: 0, stdout, stderr: "" }) });

describe("another program behind the docker command", () => {
  it.each([
    ["podman without its banner", JSON.stringify(podmanInfo), "podman", /^This is podman behind the docker command/],
    ["an answer of another shape", JSON.stringify({ Version: 1 }), "not-docker", /does not answer like Docker/],
    ["no JSON at all", "host:", "not-docker", /does not answer like Docker/],
  ])("is named: %s", async (_, answer, cause, message) => {
    const refusal = await refusalOf(() => surveyDocker(behind(answer), {}));
    expect(refusal).toMatchObject({ code: "executor.unavailable", facts: { cause } });
    expect(refusal.message).toMatch(message);
  });
});
