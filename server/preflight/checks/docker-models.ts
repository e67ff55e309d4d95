import { basename, join } from "node:path";
import { sha256OfFile } from "../../fs/hash.ts";
import { fileFacts, kindOf, listNames } from "../../fs/read.ts";
import { workspacePaths } from "../../run/paths.ts";
import { withWorkspaceKeys } from "../../run/workspace-keys.ts";
import { stagedBackbone } from "../../stages/shared/backbone.ts";
import { halt, notNeeded, ok } from "../findings.ts";
import { isAirgapped } from "../parameters.ts";
import type { Findings, Step, StepCheck, Survey } from "../survey.ts";

/** Where the backbones of the published loop come from, and the name under which they are staged (tao-stages 6.6). */
const radio = { source: "hf://nvidia/C-RADIOv2-B/model.safetensors", name: "c_radio_v2_b.safetensors" };
const dino = /^vit_(small|small_plus|base|large|huge_plus|7b)_dinov3$/;

const baseModels = "hf://nvidia/Cosmos-Predict2-2B";

/** The backbone as a local file, never a URL: staged, or to be fetched after approval. */
export const backboneStep: Step = {
  id: "backbone",
  title: "Backbone",
  async look(survey): Promise<Findings> {
    const { containers, environment, spec, workspace } = survey;
    if ((containers === undefined && environment === undefined) || spec === undefined) return {};
    const name = basename(spec.content.pretrained_backbone_path ?? "");
    if (name === "") return {};
    const { backboneDir } = workspacePaths(workspace);
    const path = (await stagedBackbone(backboneDir))(name);
    const size = (await fileFacts(path))?.size_bytes ?? 0;
    if (size > 0) {
      return ok(`${path}, ${size} bytes`, { found: { backbone: { path, sha256: await sha256OfFile(path) } } });
    }
    const origin = originOf(spec.content.backbone_type ?? "");
    const detail = `no ${name} in ${backboneDir}`;
    if (origin === undefined || containers === undefined || isAirgapped(survey)) {
      const fix = `Copy the backbone file to ${join(backboneDir, name)}.`;
      return { checks: [halt("input.unreadable-file", detail, fix)] };
    }
    const place = join(backboneDir, origin.name);
    const check: StepCheck = { outcome: "fixable", detail, fix: `fetch ${origin.source} (~0.4 GB) to ${place}` };
    const backbone = { path: place, fetch: [origin.source] };
    return { found: { backbone, fetches: [...survey.fetches, origin.source] }, checks: [check] };
  },
};

function originOf(type: string): { source: string; name: string } | undefined {
  if (type === "c_radio_v2_vit_base_patch16_224") return radio;
  const size = dino.exec(type)?.[1];
  if (size === undefined) return undefined;
  return { source: `hf://timm/vit_${size}_patch16_dinov3.lvd1689m/model.safetensors`, name: `${type}.safetensors` };
}

/** The generator's base models and the encoder of the mining: on disk, or fetched later; an air gap needs them here. */
export const dockerModelsStep: Step = {
  id: "models",
  title: "Models",
  async look(survey): Promise<Findings> {
    const { containers, workspace } = survey;
    if (containers === undefined) return {};
    const holdsEngine = Object.values(containers).every((image) => image.engine !== undefined);
    if (holdsEngine) return notNeeded("the images hold their own small models");
    const checks: StepCheck[] = [];
    const fetches = [...survey.fetches];
    const cache = join(workspacePaths(workspace).anomalygen, "base_checkpoints");
    if ("anomalygen" in containers && (await listNames(cache)).length === 0) {
      checks.push(absent(survey, `no base models in ${cache}`, `fetch ${baseModels} and its companions (~40 GB)`));
      fetches.push(baseModels);
    }
    if ("tao_ds" in containers) {
      const encoder = encoderDir(workspace);
      if ((await kindOf(join(encoder, "config.json"))) === "file") {
        checks.push({ outcome: "ok", detail: `SigLIP in ${encoder}` });
        return { found: { fetches, encoder }, checks };
      }
      checks.push(
        absent(survey, `no SigLIP in ${encoder}`, "the mining job fetches google/siglip-base-patch16-224 itself"),
      );
    }
    return { found: { fetches }, checks };
  },
};

/** Where a local copy of the mining encoder is looked for; it must hold `config.json`. */
export function encoderDir(workspace: string): string {
  return join(workspace, "augmentation", "models", "siglip-base-patch16-224");
}

function absent(survey: Survey, detail: string, fix: string): StepCheck {
  if (!isAirgapped(survey)) return { outcome: "fixable", detail, fix };
  return halt("network.forbidden", detail, "Stage it at that place; an air-gapped run fetches nothing.");
}

/** Secrets by presence alone, and only where something still has to be fetched. Their values are never looked at. */
export const credentialsStep: Step = {
  id: "credentials",
  title: "Credentials",
  async look({ platform, fetches, workspace, deps }): Promise<Findings> {
    if (platform === undefined) return {};
    if (fetches.length === 0) return notNeeded("nothing has to be fetched");
    if (deps.env.HF_TOKEN) return ok("HF_TOKEN is set");
    if ((await withWorkspaceKeys(deps.env, workspace)).HF_TOKEN) return ok(`HF_TOKEN is in ${join(workspace, ".env")}`);
    const fix = `Set HF_TOKEN in the server's environment or in ${join(workspace, ".env")}, or stage the assets yourself.`;
    return {
      checks: [halt("executor.unavailable", `HF_TOKEN is not set; needed to fetch ${fetches.join(", ")}`, fix)],
    };
  },
};
