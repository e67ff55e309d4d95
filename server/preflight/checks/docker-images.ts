import type { ImageFacts } from "../../ports/executor.ts";
import { type ImageKey, imageKeys } from "../../run/job.ts";
import { withWorkspaceKeys } from "../../run/workspace-keys.ts";
import { halt } from "../findings.ts";
import { isAirgapped } from "../parameters.ts";
import type { Findings, Step, StepCheck, Survey } from "../survey.ts";
import { gigabytes } from "./docker-host.ts";

/** Architectures as the daemon names its host and as an image names itself. */
const imageArchitecture: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };

/** Every image that the plan needs: here, or to be pulled after approval; never of another architecture. */
export const dockerImagesStep: Step = {
  id: "images_local",
  title: "Container images",
  async look(survey): Promise<Findings> {
    const { host } = survey;
    if (host === undefined) return {};
    const needed = neededImages(survey);
    const containers = Object.fromEntries(needed.map((key) => [key, host.images[key]])) as Containers;
    const { NGC_KEY } = await withWorkspaceKeys(survey.deps.env, survey.workspace);
    const credentials = NGC_KEY ? "with NGC_KEY" : "with the credentials that Docker has stored";
    const checks = needed.map((key) => judge(key, host.images[key], survey, credentials));
    return { found: { containers }, checks };
  },
};

type Containers = NonNullable<Survey["containers"]>;

/** Training always; mining unless the run is synthetic-only; the generator unless it generates nothing. */
export function neededImages({ parameters }: Survey): ImageKey[] {
  const spared = new Set<ImageKey>();
  if (parameters.synthetic_only?.value === true) spared.add("tao_ds");
  if (parameters.num_sdg?.value === 0) spared.add("anomalygen");
  return imageKeys.filter((key) => !spared.has(key));
}

function judge(key: ImageKey, image: ImageFacts, survey: Survey, credentials: string): StepCheck {
  const architecture = survey.host?.daemon.architecture;
  const here = imageArchitecture[architecture ?? ""] ?? architecture;
  const named = `${image.uri} (${image.source})`;
  const built = image.architecture ?? (key === "anomalygen" ? "amd64" : here);
  if (built !== here) {
    const detail = `${named} is built for ${built}, this host is ${here}`;
    return halt("executor.architecture", detail, "Use a host of that architecture.");
  }
  if (image.id !== undefined) {
    const digest = image.digest ?? `${image.id.slice(0, 19)}, never pulled`;
    const size = image.size_bytes === undefined ? "" : `, ${gigabytes(image.size_bytes)}`;
    const engine = image.engine === undefined ? "" : `; holds ${image.engine}`;
    return { outcome: "ok", detail: `${named}: ${digest}${size}${engine}` };
  }
  const detail = `${named} is not on this host`;
  if (isAirgapped(survey)) {
    const fix = `Load it on this host: docker load < image.tar, or docker tag ... ${image.uri}.`;
    return halt("executor.image-missing", detail, fix);
  }
  return { outcome: "fixable", detail, fix: `pull ${image.uri} ${credentials}` };
}
