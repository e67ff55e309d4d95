import { join } from "node:path";
import { listNames } from "../../fs/read.ts";
import { type Platform, platforms } from "../../run/labels.ts";
import type { Check } from "../resolution.ts";
import type { Findings, Step, Survey } from "../survey.ts";

type Offer = { platform: Platform; available: boolean; detail: string };

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
    const build = survey.deps.executors[platform];
    const offer = await probe(survey, platform);
    if (build === undefined || !offer.available) {
      return { found: { platform }, checks: [unavailable(offer)] };
    }
    const executor = await build();
    const check: Check = { id: this.id, title: this.title, outcome: "ok", detail: `${platform}: ${executor.engine}` };
    return { found: { platform, executor }, checks: [check] };
  },
};

function unavailable({ platform, detail }: Offer): Check {
  return {
    id: "platform",
    title: "Platform",
    outcome: "halt",
    code: "executor.unavailable",
    detail: `${platform}: ${detail}`,
    fix: "Choose a platform that is available here.",
  };
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

async function probe(survey: Survey, platform: Platform): Promise<Offer> {
  const build = survey.deps.executors[platform];
  if (build === undefined) return { platform, available: false, detail: "not part of this version" };
  return { platform, ...(await (await build()).availability()) };
}
