import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { excerpt, Refusal } from "../../errors.ts";
import { isRemoteEndpoint } from "../../exec/docker-endpoint.ts";
import { fetchFile } from "../../exec/fetch-file.ts";
import { makeDirectory, writeAtomic } from "../../fs/atomic.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { kindOf } from "../../fs/read.ts";
import { removeIfPresent } from "../../fs/remove.ts";
import type { ImageFacts } from "../../ports/executor.ts";
import { defined } from "../../run/defined.ts";
import { type ImageKey, imageKeys } from "../../run/job.ts";
import { workspacePaths } from "../../run/paths.ts";
import { confined, hostUser } from "./argv.ts";
import { bootstrapGenerator, runToEnd } from "./bootstrap.ts";
import { type Docker, dockerCli } from "./cli.ts";
import { dockerFailure } from "./errors.ts";
import { chooseImages, lookAtImage } from "./images.ts";
import type { Fix, FixContext, Fixed, Ready } from "./readiness.ts";

const pullTimeoutSec = 6 * 3600;

/** In the published order (tao-stages 6.1, steps 5 to 8); the probe comes before anything that trains. */
export const fixes: readonly Fix[] = [
  { title: "container images", run: provideImages },
  { title: "CUDA probe", run: probeCuda },
  { title: "directories", run: provideDirectories },
  { title: "backbone", run: stageBackbone },
  { title: "generator assets", run: (context) => bootstrapGenerator(context, runToEnd) },
];

/** The images of the plan: those that it lists, under the content that was approved where it was known. */
async function provideImages(context: FixContext): Promise<Fixed> {
  const docker = dockerCli(context.env);
  const approved = context.state.plan.inputs.containers;
  const chosen = await chooseImages(context.env);
  const blockers: string[] = [];
  const images: Ready["images"] = {};
  for (const key of imageKeys) {
    const wanted = approvedImage(approved, key);
    if (approved !== undefined && wanted === undefined) continue;
    const uri = wanted?.uri ?? chosen[key].uri;
    let facts = await lookAtImage(docker, { uri, source: "plan" });
    if (facts.id === undefined) {
      facts = await pull(docker, context, uri);
      blockers.push(`image ${uri} missing`);
    }
    images[key] = usable(facts, wanted?.id);
  }
  await refuseOtherArchitecture(docker, images);
  return { blockers, images };
}

function approvedImage(approved: Record<string, unknown> | undefined, key: ImageKey) {
  const image = approved?.[key] as { uri?: string; id?: string } | undefined;
  return image?.uri === undefined ? undefined : { uri: image.uri, id: image.id };
}

async function pull(docker: Docker, context: FixContext, uri: string): Promise<ImageFacts> {
  if (context.ready.network_mode === "airgap") {
    throw new Refusal("executor.image-missing", `${uri} is not on this host, and an air-gapped run pulls nothing.`, {
      image: uri,
    });
  }
  await context.say(`pulling ${uri}`);
  const attempt = () => docker.run(["pull", "--quiet", uri], { timeoutSec: pullTimeoutSec });
  let answer = await attempt();
  if (answer.code !== 0 && (await logIn(docker, context.env, uri, answer.stderr))) answer = await attempt();
  if (answer.code !== 0) throw dockerFailure(`Pulling ${uri}`, answer.stderr, { image: uri });
  return await lookAtImage(docker, { uri, source: "plan" });
}

/** Logs in to the vendor's registry with NGC_KEY, when it asks for a login; the key goes through stdin. */
async function logIn(docker: Docker, env: NodeJS.ProcessEnv, uri: string, stderr: string): Promise<boolean> {
  const registry = uri.split("/")[0] ?? "";
  const asked = /unauthorized|denied|authentication required|no basic auth/i.test(stderr);
  if (!asked || registry !== "nvcr.io" || !env.NGC_KEY) return false;
  const args = ["login", registry, "--username", "$oauthtoken", "--password-stdin"];
  const answer = await docker.run(args, { input: env.NGC_KEY });
  if (answer.code !== 0) throw dockerFailure(`Logging in to ${registry}`, answer.stderr, { registry });
  return true;
}

function usable(facts: ImageFacts, approvedId: string | undefined): NonNullable<Ready["images"]["tao_pyt"]> {
  const { uri, id, digest } = facts;
  if (id === undefined) throw new Refusal("executor.image-missing", `${uri} is not on this host.`, { image: uri });
  if (approvedId !== undefined && approvedId !== id) {
    const known = { image: uri, approved: approvedId, found: id };
    throw new Refusal("executor.image-changed", `${uri} is another image than the one that was approved.`, known);
  }
  return { uri, id, ...defined({ digest }) };
}

async function refuseOtherArchitecture(docker: Docker, images: Ready["images"]): Promise<void> {
  const answer = await docker.run(["version", "--format", "{{.Server.Arch}}"]);
  const host = answer.stdout.trim();
  for (const image of Object.values(images)) {
    const { architecture } = await lookAtImage(docker, { uri: image.id, source: "plan" });
    if (architecture === undefined || architecture === host) continue;
    const facts = { image: image.uri, architecture, host };
    throw new Refusal(
      "executor.architecture",
      `${image.uri} is built for ${architecture}, this host is ${host}.`,
      facts,
    );
  }
}

/** Puts a tensor on the GPU from inside the training image: what no look from outside can tell. */
async function probeCuda(context: FixContext): Promise<Fixed> {
  const docker = dockerCli(context.env);
  const image = context.ready.images.tao_pyt;
  if (image === undefined) return { blockers: [] };
  // An image that says it holds the embedded engine has no CUDA to probe.
  if ((await lookAtImage(docker, { uri: image.id, source: "plan" })).engine !== undefined) return { blockers: [] };
  const answer = await docker.run(probeArguments(image.id), { timeoutSec: 600 });
  if (answer.code === 0) return { blockers: [] };
  const end = answer.stderr.trim().split("\n").slice(-3).join(" ");
  if (answer.code === 125) throw dockerFailure("The CUDA probe", answer.stderr, { image: image.uri });
  throw new Refusal("executor.gpu-unavailable", "The CUDA probe failed inside the training image.", {
    image: image.uri,
    exit_code: answer.code,
    end: excerpt(end, 300),
  });
}

/** The arguments of the CUDA probe. */
export function probeArguments(imageId: string): string[] {
  const program = ["python3", "-c", "import torch; torch.zeros(1).cuda()"];
  return ["run", "--rm", "--pull=never", "--gpus", "all", ...confined, "--network", "none", imageId, ...program];
}

/** Mount sources that may be absent, and proof that the run directory takes a file of the user that jobs run as. */
export async function provideDirectories({ runDir, state, env, ready }: FixContext): Promise<Fixed> {
  const blockers: string[] = [];
  const cache = join(workspacePaths(state.config.workspace).anomalygen, "base_checkpoints");
  if (ready.images.anomalygen !== undefined && (await kindOf(cache)) === "absent") {
    await makeDirectory(cache);
    blockers.push(`directory ${cache} missing`);
  }
  const proof = join(runDir, ".write-test");
  const nonce = randomBytes(16).toString("hex");
  await writeAtomic(proof, nonce);
  try {
    if (state.config.platform === "docker") await proveSharedFolder(proof, nonce, env, ready);
  } finally {
    await removeIfPresent(proof);
  }
  return { blockers };
}

/** A daemon elsewhere mounts the folders of its own host: a container there reads what was just written here, or nothing runs. */
async function proveSharedFolder(proof: string, nonce: string, env: NodeJS.ProcessEnv, ready: Ready): Promise<void> {
  const image = ready.images.tao_pyt;
  if (image === undefined || !isRemoteEndpoint(env.DOCKER_HOST)) return;
  const { uid, gid } = hostUser();
  const folder = dirname(proof);
  const mount = ["--mount", `type=bind,source=${folder},target=${folder},readonly`];
  const run = [
    "run",
    "--rm",
    "--pull=never",
    "--network",
    "none",
    ...confined,
    ...mount,
    "--entrypoint",
    "cat",
    "--user",
    `${uid}:${gid}`,
  ];
  const answer = await dockerCli(env).run([...run, image.id, proof], { timeoutSec: 600 });
  if (answer.code === 0 && answer.stdout.trim() === nonce) return;
  const facts = { path: folder, docker_host: env.DOCKER_HOST, end: excerpt(answer.stderr.trim(), 300) };
  throw new Refusal("executor.mount-missing", "The daemon's host does not see this run directory at its path.", facts);
}

/** The backbone file that the plan names: fetched to its place when the plan says from where. */
export async function stageBackbone(context: FixContext): Promise<Fixed> {
  const { path, fetch } = (context.state.plan.inputs.backbone ?? {}) as { path?: string; fetch?: string[] };
  const source = fetch?.[0];
  if (path === undefined || (await kindOf(path)) === "file") return { blockers: [] };
  if (source === undefined || context.ready.network_mode === "airgap") {
    throw new Refusal("network.forbidden", `The backbone ${path} is not staged.`, { path });
  }
  await context.say(`fetching ${source}`);
  await makeDirectory(dirname(path));
  await fetchFile(hubUrl(source, context.env), path, context.env.HF_TOKEN);
  const fetched = { ...context.ready.fetched, [path]: await sha256OfFile(path) };
  return { blockers: [`backbone ${path} missing`], fetched };
}

/** The address of `hf://<owner>/<repo>/<file>` on the hub, or on the mirror that HF_ENDPOINT names. */
function hubUrl(source: string, env: NodeJS.ProcessEnv): string {
  const [owner = "", repo = "", ...file] = source.replace(/^hf:\/\//, "").split("/");
  const base = (env.HF_ENDPOINT ?? "https://huggingface.co").replace(/\/$/, "");
  return `${base}/${owner}/${repo}/resolve/main/${file.join("/")}`;
}
