import { EngineFailure } from "../failure.ts";
import { resolveValue, type SpecTree } from "./load-spec.ts";

/** A text value that must be there. @throws EngineFailure `MissingMandatoryValue` as OmegaConf words it. */
export function requiredText(tree: SpecTree, key: string): string {
  const value = resolveValue(tree, key);
  if (value === undefined || value === null || value === "") {
    throw new EngineFailure("MissingMandatoryValue", `Missing mandatory value: ${key}`);
  }
  return String(value);
}

/** A number, or the fallback when the key is absent. @throws EngineFailure `ValueError` for other text. */
export function numberOr(tree: SpecTree, key: string, fallback: number): number {
  const value = resolveValue(tree, key);
  if (value === undefined || value === null) return fallback;
  const found = typeof value === "number" ? value : Number(value);
  if (Number.isFinite(found)) return found;
  throw new EngineFailure("ValueError", `Value '${String(value)}' of '${key}' could not be converted to a number`);
}
