import type { Call } from "../ports/call.ts";
import { consentTo } from "./consent.ts";
import { checkPreference, loadPreferences, type PreferenceKey, type Preferences, remember } from "./preferences.ts";

export type PreferenceArgs = {
  readonly key?: PreferenceKey | undefined;
  /** Absent shows, empty forgets. */
  readonly value?: string | undefined;
  readonly words?: string | undefined;
};
export type PreferenceReport = { status_line: string; preferences: Omit<Preferences, "version"> };

/** Keys that only a human may set: where 80 GB land, and what an administrator promised. */
const humanKeys: readonly PreferenceKey[] = ["dig_url_root", "pod_template"];

/** Shows, sets or forgets a remembered choice. @throws Refusal `osmo.bad-preference`, and those of the consent. */
export async function editPreferences(call: Call, args: PreferenceArgs): Promise<PreferenceReport> {
  const { env } = call.deps;
  const { key, value } = args;
  if (key === undefined || value === undefined)
    return report("These choices are remembered.", await loadPreferences(env));
  if (value === "") {
    if (key === "pod_template") call.connection.notes.delete("osmo.pod_template");
    return report(`${key} is forgotten.`, await remember(env, { [key]: undefined }));
  }
  const checked = checkValue(key, value);
  if (humanKeys.includes(key)) await confirm(call, key, checked, args.words);
  return report(`${key} is remembered.`, await remember(env, { [key]: checked }));
}

function checkValue(key: PreferenceKey, value: string): string {
  if (key === "pod_template" && value === "user-confirmed") return value;
  return checkPreference(key, value);
}

async function confirm(call: Call, key: PreferenceKey, value: string, words: string | undefined): Promise<void> {
  await consentTo(call, {
    key: `preference:${key}=${value}`,
    title: `Remember ${key} = ${value}?`,
    rows: [
      key === "dig_url_root"
        ? "Models, data and runs of OSMO flows will be stored there: 80 GB and more."
        : "An administrator has mounted /usr/share/nvidia/nvoptix.bin and set /dev/shm to at least 16 GiB.",
    ],
    words,
    preauthorised: false,
    terminal: `deft-mcp osmo preferences --set ${key}=${value}`,
  });
}

function report(status_line: string, { version: _version, ...preferences }: Preferences): PreferenceReport {
  return { status_line, preferences };
}
