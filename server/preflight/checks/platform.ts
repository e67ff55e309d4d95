import { join } from "node:path";
import { Refusal } from "../../errors.ts";
import { listNames } from "../../fs/read.ts";
import type { Executor } from "../../ports/executor.ts";
import { type Platform, platforms } from "../../run/labels.ts";
import { resolveSettings, type Settings, type SettingValues, valuesOf } from "../../run/platform-settings.ts";
import { platformTraits, programOf } from "../../run/platform-traits.ts";
import { version } from "../../run/version.ts";
import { halt, notNeeded, ok } from "../findings.ts";
import { isAirgapped, resolveParameters } from "../parameters.ts";
import type { Findings, Step, Survey } from "../survey.ts";

type Offer = { platform: Platform; available: boolean; detail: string; fix?: string };

/**
 * The platform that was asked for can run jobs here now. Without one the question lists all of ours with how they
 * stand, because what a stage costs and needs depends on it.
 */
export const platformStep: Step = {
  id: "platform",
  title: "Platform",
  async look(survey): Promise<Findings> {
    const { platform } = survey.request;
    if (platform === undefined) return { missing: [await platformQuestion(survey)] };
    const executor = await survey.deps.executors[platform]?.();
    // What is read with the wrong program in mind would be told beside what is wrong with the settings.
    const settings = resolveSettings(
      platform,
      executor?.settings,
      survey.request.platform_settings ?? {},
      survey.deps.env,
    );
    const program = programOf(platform, valuesOf(settings));
    const offer = await offerOf(executor, platform, valuesOf(settings));
    if (executor === undefined || !offer.available) {
      const fix = offer.fix ?? "Choose a platform that is available here.";
      const check = halt("executor.unavailable", `${platform}: ${offer.detail}`, fix);
      return { found: { platform, program }, checks: [check] };
    }
    const rehearses = program === "engine" && !platformTraits[platform].engine;
    const engine = rehearses ? `deft-mcp embedded engine ${version} (a rehearsal of ${platform})` : executor.engine;
    const found = { platform, executor, settings, program, ...(rehearses ? { engine } : {}) };
    return ok(`${platform}: ${engine}${settingsText(settings)}`, { found });
  },
};

function settingsText(settings: Settings): string {
  const texts = Object.entries(settings).map(([key, { value, source }]) => `${key}=${value} (${source})`);
  return texts.length === 0 ? "" : `; ${texts.join(", ")}`;
}

async function platformQuestion(survey: Survey) {
  const offers = await Promise.all(platforms.map((platform) => probe(survey, platform)));
  const listed = offers.map(({ platform, available, detail }) =>
    available ? `${platform} (${detail})` : `${platform} (not available: ${detail})`,
  );
  const others = await bankPlatforms(survey);
  const also =
    others.length === 0 ? "" : ` (Your skill bank also knows ${others.join(", ")}; this server does not run on them.)`;
  return {
    field: "platform",
    ask: `On which platform: ${listed.join("; ")}?${also}`,
    choices: offers.filter((offer) => offer.available).map((offer) => offer.platform),
  };
}

/** Platforms that the user's skill bank describes and this server does not drive. */
async function bankPlatforms({ deps }: Survey): Promise<string[]> {
  const bank = deps.env.TAO_SKILL_BANK_PATH;
  if (!bank) return [];
  const names = await listNames(join(bank, "skills", "platform"));
  const known = names.flatMap((name) => /^tao-run-on-([a-z0-9][a-z0-9-]{0,31})$/.exec(name)?.[1] ?? []);
  return known.filter((name) => !(platforms as readonly string[]).includes(name.replace(/^local-/, "")));
}

async function probe({ deps }: Survey, platform: Platform): Promise<Offer> {
  const executor = await deps.executors[platform]?.();
  try {
    return await offerOf(executor, platform, valuesOf(resolveSettings(platform, executor?.settings, {}, deps.env)));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { platform, available: false, detail: error.message };
  }
}

async function offerOf(executor: Executor | undefined, platform: Platform, settings: SettingValues): Promise<Offer> {
  if (executor === undefined) return { platform, available: false, detail: "not part of this version" };
  return { platform, ...(await executor.availability(settings)) };
}

/** Whether anything may be fetched at all; decided before anything else looks at what is missing. */
export const networkModeStep: Step = {
  id: "network_mode",
  title: "Network mode",
  async look(survey): Promise<Findings> {
    const { platform, program, request, executor, deps } = survey;
    if (platform === undefined) return {};
    const operator = deps.env.AIR_GAPPED === "1";
    if (operator && request.network_mode === "network-enabled") {
      const fix = "Leave network_mode out, or start the server without AIR_GAPPED=1.";
      return { checks: [halt("network.forbidden", "AIR_GAPPED=1 holds for every run of this server", fix)] };
    }
    if (program === "engine") return notNeeded("the embedded engine fetches nothing");
    if (!isAirgapped(survey)) return ok(`network-enabled (${request.network_mode ? "asked for" : "default"})`);
    if (executor?.trains_on !== undefined) {
      const fix = "Start the server without DEFT_OSMO_TRAIN_POOL, or plan without network_mode airgap.";
      return { checks: [halt("network.forbidden", `an air-gapped run would train on ${executor.trains_on}`, fix)] };
    }
    return ok(`airgap (${operator ? "AIR_GAPPED=1" : "asked for"})`);
  },
};

/** Settles every parameter as soon as the spec and the platform are known; later steps size their checks by them. */
export const settingsStep: Step = {
  id: "settings",
  title: "Settings",
  async look(survey): Promise<Findings> {
    const { request, spec, contract, program, planned, executor } = survey;
    const ground = { request, spec: spec?.content, contract, program, planned, trains_on: executor?.trains_on };
    return { found: { parameters: resolveParameters({ ...ground, airgapped: isAirgapped(survey) }) } };
  },
};

/** What containers need and the embedded engine has no use for, said aloud so that nobody thinks it was forgotten. */
const spared = [
  ["images_local", "Container images", "the embedded engine is part of this program"],
  ["gpus", "GPUs", "the embedded engine works on the CPU"],
  ["backbone", "Backbone", "the embedded engine has its own small model"],
] as const;

export const embeddedOnlyStep: Step = {
  id: "embedded",
  title: "Not needed here",
  async look({ program }): Promise<Findings> {
    if (program !== "engine") return {};
    return { checks: spared.map(([id, title, detail]) => ({ id, title, outcome: "not_applicable", detail })) };
  },
};
