import { type EngineIo, realPath } from "../io.ts";
import type { CachePlace } from "./feature-cache.ts";

/** Environment variables with the directory of cached features and the key that seals them; else nothing is cached. */
const DIRECTORY = "DEFT_ENGINE_CACHE";
const KEY = "DEFT_ENGINE_CACHE_KEY";

/** Where features of this run are kept, or undefined. */
export function cachePlace(io: EngineIo): CachePlace | undefined {
  const [directory, key] = [io.env[DIRECTORY], io.env[KEY]];
  return directory && key ? { directory: realPath(io, directory), key } : undefined;
}

/** The same as variables, for another process. */
export function cacheEnv({ directory, key }: CachePlace): Record<string, string> {
  return { [DIRECTORY]: directory, [KEY]: key };
}
