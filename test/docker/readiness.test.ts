import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { Refusal } from "../../server/errors.ts";
import { hostUser } from "../../server/platforms/docker/argv.ts";
import { generatorAssets } from "../../server/platforms/docker/bootstrap.ts";
import { dockerExecutor } from "../../server/platforms/docker/executor.ts";
import type { RunState } from "../../server/run/state.ts";
import { aRun, aState } from "../support/a-run.ts";
import { type Desk, docker, main, openDesk, until } from "./support/desk.ts";
import { seenOf } from "./support/seen.ts";

let desk: Desk;
let folder: string;
beforeAll(async () => {
  desk = await openDesk();
  folder = await mkdtemp(join(tmpdir(), "deft-readiness-"));
});
afterAll(async () => {
  await desk?.close();
  await rm(folder, { recursive: true, force: true });
});

const seen = (refusal: Refusal) => seenOf(refusal, { WS: desk.workspace, TMP: folder });
const executorIn = (env: NodeJS.ProcessEnv) => dockerExecutor({ main, env, user: hostUser() });
const baseModels = generatorAssets.base_models;

/** An empty image that says it was built for another processor. */
async function loadForeignImage(tag: string): Promise<void> {
  const dir = await mkdtemp(join(folder, "image-"));
  const layer = Buffer.alloc(1024);
  const diff = createHash("sha256").update(layer).digest("hex");
  const config = {
    architecture: "arm64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [`sha256:${diff}`] },
  };
  await writeFile(join(dir, "layer.tar"), layer);
  await writeFile(join(dir, "config.json"), JSON.stringify(config));
  await writeFile(
    join(dir, "manifest.json"),
    JSON.stringify([{ Config: "config.json", RepoTags: [tag], Layers: ["layer.tar"] }]),
  );
  await execa("tar", ["-C", dir, "-cf", join(dir, "image.tar"), "manifest.json", "config.json", "layer.tar"]);
  await docker(desk.env, "load", "--quiet", "--input", join(dir, "image.tar"));
}

describe("what a person sees when a run cannot be made ready", () => {
  it("what was put right, one line each, and nothing of it again in the next call", async () => {
    const place = await mkdtemp(join(folder, "run-"));
    const { plan } = aState(join(place, "results", "run_20261121_100000"));
    const parameters = { network_mode: { value: "network-enabled", source: "default" as const } };
    const image = { uri: desk.image };
    const inputs = {
      containers: { tao_pyt: image, anomalygen: image },
      generator: { project: "boards", fetch: [baseModels] },
    };
    const runDir = await aRun(place, { plan: { ...plan, platform: "docker", parameters, inputs } });
    await until("readiness", async () => (await desk.executor.makeReady?.(runDir))?.state === "ready");
    const cache = join(place, "augmentation", "anomalygen", "base_checkpoints");
    expect(await desk.executor.makeReady?.(runDir)).toEqual({
      state: "ready",
      cleared: [
        `directory ${cache} missing cleared -> resuming step 4`,
        "generator base_models missing cleared -> resuming the first stage",
      ],
    });
    expect(await readFile(join(cache, "base_model.txt"), "utf8")).toBe("contract\n");
    expect(await readFile(join(runDir, "jobs", "bootstrap-base_models.log"), "utf8")).toBe(
      "base models --model-sizes 2B\n",
    );
  });

  /** A run whose approved plan has these inputs, and the refusal that its preparation ends with. */
  async function readinessRefusal(
    inputs: RunState["plan"]["inputs"],
    mode: "airgap" | "network-enabled",
    env = desk.env,
  ) {
    const place = await mkdtemp(join(folder, "run-"));
    const { plan } = aState(join(place, "results", "run_20261121_100000"));
    const parameters = { network_mode: { value: mode, source: "user" as const } };
    const runDir = await aRun(place, { plan: { ...plan, platform: "docker", parameters, inputs } });
    const executor = executorIn(env);
    for (;;) {
      const now = await executor.makeReady?.(runDir).catch((error: unknown) => error);
      if (now instanceof Refusal) return { refusal: now, runDir, executor };
      if (now instanceof Error) throw now;
      if ((now as { state: string }).state === "ready") throw new Error("the run was made ready");
      await sleep(100);
    }
  }
  const here = () => ({ uri: desk.image });

  it("an image is missing and the run is air-gapped", async () => {
    const { refusal } = await readinessRefusal({ containers: { tao_pyt: { uri: "nvcr.io/nvidia/none:1" } } }, "airgap");
    expect(seen(refusal)).toMatchInlineSnapshot(`
"executor.image-missing: nvcr.io/nvidia/none:1 is not on this host, and an air-gapped run pulls nothing.
Next: Pull or load the image, then call preflight again."
`);
  });

  it("an image is missing and the registry cannot be reached", async () => {
    const containers = { tao_pyt: { uri: "localhost:1/nvidia/none:1" } };
    const { refusal } = await readinessRefusal({ containers }, "network-enabled");
    expect(seen(refusal)).toMatchInlineSnapshot(`
"executor.registry: Pulling localhost:1/nvidia/none:1 failed: the registry cannot be reached.
Next: Log in with \`docker login nvcr.io -u '$oauthtoken'\`, or check the image reference."
`);
  });

  it("another image stands under the tag than the one that was approved", async () => {
    const containers = { tao_pyt: { ...here(), id: "sha256:0000" } };
    expect(seen((await readinessRefusal({ containers }, "airgap")).refusal)).toMatchInlineSnapshot(`
"executor.image-changed: deft-contract/tao-pyt:0.1.0 is another image than the one that was approved.
Next: Restore the approved image under its tag, or plan a new run with preflight."
`);
  });

  it("the image is built for another architecture", async () => {
    const tag = "deft-test/arm:1";
    await loadForeignImage(tag);
    const { refusal } = await readinessRefusal({ containers: { tao_pyt: { uri: tag } } }, "airgap");
    expect(seen(refusal)).toMatchInlineSnapshot(`
"executor.architecture: deft-test/arm:1 is built for arm64, this host is amd64.
Next: Use a host of the image's architecture, or an image that is built for this one."
`);
  });

  it("CUDA cannot be used inside the training image", async () => {
    const tag = "deft-test/no-cuda:1";
    const container = await docker(desk.env, "create", desk.image, "true");
    const program = join(folder, "python3");
    await writeFile(program, '#!/bin/bash\necho "RuntimeError: Found no NVIDIA driver on your system." >&2\nexit 1\n');
    await chmod(program, 0o755);
    await docker(desk.env, "cp", program, `${container}:/usr/bin/python3`);
    await execa(
      "sh",
      ["-c", 'docker export "$1" | docker import -c "ENV PATH=/usr/bin" - "$2"', "sh", container, tag],
      {
        env: desk.env,
      },
    );
    await docker(desk.env, "rm", container);
    const { refusal } = await readinessRefusal({ containers: { tao_pyt: { uri: tag } } }, "airgap");
    expect(seen(refusal)).toMatchInlineSnapshot(`
"executor.gpu-unavailable: The CUDA probe failed inside the training image.
Next: Free or repair the GPU, or choose another platform."
`);
    expect(refusal.facts.end).toContain("Found no NVIDIA driver");
  });

  it("the backbone is not staged and the run is air-gapped", async () => {
    const backbone = {
      path: join(folder, "c_radio_v2_b.safetensors"),
      fetch: ["hf://nvidia/C-RADIOv2-B/model.safetensors"],
    };
    const { refusal } = await readinessRefusal({ containers: { tao_pyt: here() }, backbone }, "airgap");
    expect(seen(refusal)).toMatchInlineSnapshot(`
"network.forbidden: The backbone TMP/c_radio_v2_b.safetensors is not staged.
Next: The run is air-gapped: provide the asset locally, or plan a network-enabled run."
`);
  });

  it("the model hub cannot be reached; once it can, the next call clears the step and says so", async () => {
    const path = join(folder, "later", "c_radio_v2_b.safetensors");
    const backbone = { path, fetch: ["hf://nvidia/C-RADIOv2-B/model.safetensors"] };
    const inputs = { containers: { tao_pyt: here() }, backbone };
    const env = { ...desk.env, HF_ENDPOINT: "http://127.0.0.1:9" };
    const { refusal, runDir, executor } = await readinessRefusal(inputs, "network-enabled", env);
    expect(seen(refusal)).toMatchInlineSnapshot(`
"executor.fetch: http://127.0.0.1:9/nvidia/C-RADIOv2-B/resolve/main/model.safetensors cannot be reached.
Next: Check the network, HF_ENDPOINT and HF_TOKEN, or stage the file at the path in the facts."
`);
    await mkdir(join(folder, "later"), { recursive: true });
    await writeFile(path, "weights");
    await until("readiness", async () => (await executor.makeReady?.(runDir))?.state === "ready");
  });
});
