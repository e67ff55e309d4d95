import type { Platform } from "../run/labels.ts";
import type { SettingsDeclaration } from "../run/platform-settings.ts";
import { hostSettings } from "./host/settings.ts";
import { kubernetesSettings } from "./kubernetes/settings.ts";
import { slurmSettings } from "./slurm/settings.ts";

/** What can be set of the platforms that have settings; a replay has no other way to know. */
export const declaredSettings: Readonly<Partial<Record<Platform, SettingsDeclaration>>> = {
  host: hostSettings,
  slurm: slurmSettings,
  kubernetes: kubernetesSettings,
};
