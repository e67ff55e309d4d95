import { Refusal } from "../../errors.ts";

/** What the operator set for training on OSMO. */
export type OsmoSettings = {
  readonly pool: string;
  /** Storage root, without a slash at its end. */
  readonly root: string;
  readonly platform: string;
};

/**
 * `undefined` unless DEFT_OSMO_TRAIN_POOL is set.
 *
 * @throws Refusal `osmo.root-unconfirmed`: no root is ever assumed; `network.forbidden` in an air-gapped run.
 */
export function osmoSettings(env: NodeJS.ProcessEnv): OsmoSettings | undefined {
  const pool = env.DEFT_OSMO_TRAIN_POOL;
  if (!pool) return undefined;
  if (env.AIR_GAPPED === "1") {
    throw new Refusal("network.forbidden", "AIR_GAPPED=1 lets no training leave this host for OSMO.", { pool });
  }
  const root = (env.DEFT_OSMO_ROOT ?? "").replace(/\/+$/, "");
  if (/^(s3|gs|swift|tos|azure):\/\/[^\s;,*]+$/.test(root)) {
    return { pool, root, platform: env.DEFT_OSMO_TRAIN_PLATFORM || "default" };
  }
  const facts = { pool, root, operator: "DEFT_OSMO_ROOT names it, like s3://bucket/prefix" };
  throw new Refusal("osmo.root-unconfirmed", "Training on OSMO needs a storage root that the operator names.", facts);
}

/** What the plan says of it, so that a human approves pool and place. */
export function trainsOn({ pool, root, platform }: OsmoSettings): string {
  return `OSMO pool ${pool} (platform ${platform}), files below ${root}/deft`;
}
