import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { yamlData } from "../../data/yaml.ts";
import { Refusal } from "../../errors.ts";
import { parseJson } from "../../fs/json.ts";
import { kindOf, readText } from "../../fs/read.ts";
import type { ImageFacts } from "../../ports/executor.ts";
import { defined } from "../../run/defined.ts";
import { type ImageKey, imageKeys } from "../../run/job.ts";
import type { Docker } from "./cli.ts";
import { dockerFailure } from "./errors.ts";

/** Where an image's URI stands in versions.yaml, and the variables that override it (tao-stages 2.1). */
const places: Readonly<Record<ImageKey, { key: string; variables: readonly string[] }>> = {
  tao_pyt: { key: "images.tao_toolkit.pyt", variables: ["TAO_PYT_IMAGE"] },
  tao_ds: { key: "images.tao_toolkit.data_services", variables: ["TAO_DS_IMAGE", "DS_IMAGE"] },
  anomalygen: { key: "images.metropolis_sdg.paidf_anomalygen", variables: ["AG_IMAGE"] },
};

/** Label of an image whose programs are not the vendor's: the name of the engine that they are. */
export const engineLabel = "deft-mcp.engine";

type Choice = Pick<ImageFacts, "uri" | "source">;

/**
 * The URI of every image: a variable of the environment, else the user's skill bank, else our own versions.yaml.
 *
 * @throws Refusal `executor.image-missing` when a file that was named lacks a key.
 */
export async function chooseImages(env: NodeJS.ProcessEnv): Promise<Record<ImageKey, Choice>> {
  const bank = env.TAO_SKILL_BANK_PATH;
  const path = bank === undefined || bank === "" ? await ownVersions() : join(bank, "versions.yaml");
  const versions: unknown = yamlData(await readText(path), path);
  const choose = (image: ImageKey): Choice => {
    const { key, variables } = places[image];
    const variable = variables.find((name) => (env[name] ?? "") !== "");
    if (variable !== undefined) return { uri: env[variable] ?? "", source: variable };
    const uri = key
      .split(".")
      .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], versions);
    if (typeof uri === "string" && uri !== "") return { uri, source: path };
    throw new Refusal("executor.image-missing", `${key} is not in ${path}.`, { key, path, variables });
  };
  return { tao_pyt: choose("tao_pyt"), tao_ds: choose("tao_ds"), anomalygen: choose("anomalygen") };
}

/** The file lies beside this one, and in the bundle beside or above the chunk that holds it. */
async function ownVersions(): Promise<string> {
  for (const place of ["./versions.yaml", "../versions.yaml"]) {
    const path = fileURLToPath(new URL(place, import.meta.url));
    if ((await kindOf(path)) === "file") return path;
  }
  throw new Error("versions.yaml is not beside the program");
}

const inspected = z.object({
  Id: z.string(),
  RepoDigests: z.array(z.string()).nullish(),
  Architecture: z.string(),
  Size: z.number(),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

/** What this host has of every image; nothing is pulled. */
export async function lookAtImages(docker: Docker, env: NodeJS.ProcessEnv): Promise<Record<ImageKey, ImageFacts>> {
  const chosen = await chooseImages(env);
  const facts = await Promise.all(imageKeys.map(async (key) => [key, await lookAtImage(docker, chosen[key])] as const));
  return Object.fromEntries(facts) as Record<ImageKey, ImageFacts>;
}

export async function lookAtImage(docker: Docker, choice: Choice): Promise<ImageFacts> {
  const answer = await docker.run(["image", "inspect", choice.uri]);
  if (answer.code !== 0) {
    if (/no such (?:image|object)/i.test(answer.stderr)) return choice;
    throw dockerFailure(`Looking for ${choice.uri}`, answer.stderr, { image: choice.uri });
  }
  const [found] = z.array(inspected).parse(parseJson(answer.stdout));
  if (found === undefined) return choice;
  const digest = found.RepoDigests?.[0]?.split("@")[1];
  const engine = found.Config?.Labels?.[engineLabel];
  return {
    ...choice,
    id: found.Id,
    architecture: found.Architecture,
    size_bytes: found.Size,
    ...defined({ digest, engine }),
  };
}
