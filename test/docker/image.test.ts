import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { execa } from "execa";
import { tools } from "../../tools/index.ts";
import { boardsIn, shortLoop } from "../support/board-run.ts";
import { folderOfFile } from "../support/folder.ts";
import { contractImages, docker, dockerEnvironment } from "./support/desk.ts";

const folder = folderOfFile();
const image = "deft-mcp-image-test";
const env = dockerEnvironment(undefined, { DOCKER_BUILDKIT: "0" });

beforeAll(async () => {
  await execa("node", ["scripts/package.mjs"]);
  // Node of this host stands for the base image, since no registry is asked.
  const { TAO_PYT_IMAGE: base } = await contractImages(env);
  const args = ["build", "-q", "-f", "Containerfile", "--build-arg", `NODE_IMAGE=${base}`, "-t", image, "."];
  await docker(env, ...args);
});

describe("the container image", () => {
  it("serves as a user without rights, and keeps plans outside the container", async () => {
    const workspace = await boardsIn(folder.path);
    const state = join(folder.path, "state");
    await mkdir(state);
    // The user of the image is nobody here.
    for (const path of [state, workspace]) await chmod(path, 0o777);
    const mounts = ["-v", `${workspace}:/workspace`, "-v", `${state}:/state`];
    const args = ["run", "-i", "--rm", "--network", "none", "--read-only", ...mounts, image];
    const client = new Client({ name: "container", version: "1" });
    await client.connect(
      new StdioClientTransport({ command: "docker", args, env: env as Record<string, string>, stderr: "inherit" }),
    );
    expect((await client.listTools()).tools).toHaveLength(tools.length);
    const planned = await client.callTool({ name: "preflight", arguments: { ...shortLoop, resume: "fresh" } });
    await client.close();
    expect(planned).toMatchObject({ structuredContent: { ok: true, plan_id: expect.any(String) } });
    expect(await docker(env, "run", "--rm", "--entrypoint", "bash", ...mounts, image, "-c", "echo /state/*")).toContain(
      "deft-mcp",
    );
    expect(await docker(env, "inspect", "-f", "{{.Config.User}}", image)).toBe("1000:1000");
  });
});
