import { join } from "node:path";
import { z } from "zod";
import { Refusal } from "../errors.ts";
import { makeDirectory } from "../fs/atomic.ts";
import { readJson, writeJson } from "../fs/json.ts";
import { kindOf } from "../fs/read.ts";
import { type Env, userDir } from "../run/env.ts";
import { flows } from "./flow-table.ts";
import { inClusterEndpoint } from "./knob-table.ts";
import { checkKnob } from "./knobs.ts";
import { defaultBoard } from "./usecases.ts";

export const podTemplateStates = ["verified", "user-confirmed", "skipped-409"] as const;

/** What is remembered between conversations. Never a secret, a run name, the image-edit model or debug state. */
export const preferencesSchema = z.strictObject({
  version: z.literal(1),
  dig_url_root: z.string().optional(),
  pool: z.string().optional(),
  board: z.string().optional(),
  image_edit_endpoint: z.string().optional(),
  pod_template: z.enum(podTemplateStates).optional(),
  osmo_admin: z.boolean().optional(),
});
export type Preferences = z.output<typeof preferencesSchema>;

export const preferenceKeys = [
  "dig_url_root",
  "pool",
  "board",
  "image_edit_endpoint",
  "pod_template",
  "osmo_admin",
] as const;
export type PreferenceKey = (typeof preferenceKeys)[number];

export function preferencesPath(env: Env): string {
  return join(userDir(env, "config"), "preferences.json");
}

/** Reads the memory; an absent file is an empty one. @throws Refusal `input.bad-json`, `osmo.bad-preference`. */
export async function loadPreferences(env: Env): Promise<Preferences> {
  const path = preferencesPath(env);
  if ((await kindOf(path)) === "absent") return { version: 1 };
  const parsed = preferencesSchema.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  throw new Refusal("osmo.bad-preference", "The preferences file holds something else.", {
    path,
    problem: parsed.error.issues[0]?.message,
  });
}

/** Overlays the memory with `changes` (undefined forgets a key) and returns it. Only the owner may read the file. */
export async function remember(env: Env, changes: { [K in PreferenceKey]?: Preferences[K] }): Promise<Preferences> {
  const next: Preferences = { ...(await loadPreferences(env)), ...changes };
  const path = preferencesPath(env);
  await makeDirectory(join(path, ".."), 0o700);
  await writeJson(path, next, 0o600);
  return next;
}

/**
 * The value in the form that may be remembered. Whether a human has confirmed it is the caller's business.
 *
 * @throws Refusal `osmo.bad-preference` for what is never kept: the in-cluster address, the default board.
 */
export function checkPreference(key: PreferenceKey, value: string): string {
  const day0 = flows.texture_defect_generation_day0;
  if (key === "pod_template" || key === "osmo_admin") throw unkept(key, "It is recorded by the checks themselves.");
  if (key === "pool") return checkKnob(day0, "platform", value);
  const checked = checkKnob(day0, key, value);
  if (key === "image_edit_endpoint" && isInCluster(checked))
    throw unkept(key, "The in-cluster address is the default.");
  if (key === "board" && checked === defaultBoard)
    throw unkept(key, "The default board needs no memory; forget the key.");
  return checked;
}

function unkept(key: PreferenceKey, why: string): Refusal {
  return new Refusal("osmo.bad-preference", `${key} is not remembered this way.`, { key, why, keys: preferenceKeys });
}

/** Whether an address resolves inside the cluster only. */
export function isInCluster(endpoint: string): boolean {
  return (
    endpoint === inClusterEndpoint ||
    /^https?:\/\/[^/]+\.(svc|svc\.cluster\.local|cluster\.local)(:\d+)?\//.test(endpoint)
  );
}
