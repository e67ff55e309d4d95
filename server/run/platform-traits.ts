import type { Platform } from "./labels.ts";
import type { SettingValues } from "./platform-settings.ts";

/** What the rest of the program has to know of a platform; a new one is a row. */
export type PlatformTraits = {
  /** The embedded engine runs its jobs, never NVIDIA's programs. */
  readonly engine: boolean;
  /** The server chooses the images that its jobs are made of, and fetches what is missing after approval. */
  readonly containers: boolean;
  /** Its jobs run on other machines, which see the workspace at the same path. */
  readonly remote: boolean;
};

export const platformTraits: Readonly<Record<Platform, PlatformTraits>> = {
  embedded: { engine: true, containers: false, remote: false },
  docker: { engine: false, containers: true, remote: false },
  host: { engine: false, containers: false, remote: false },
  slurm: { engine: false, containers: false, remote: true },
  kubernetes: { engine: false, containers: true, remote: true },
};

/** Whose programs the jobs are: NVIDIA's, or the embedded engine of this program, which stands in for them. */
export type Program = "tao" | "engine";

/** The program of a platform with its settings. An image may hold the engine all the same, which its labels tell. */
export function programOf(platform: Platform, settings?: SettingValues): Program {
  return platformTraits[platform].engine || settings?.program === "engine" ? "engine" : "tao";
}
