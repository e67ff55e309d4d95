import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { excerpt, Refusal } from "../errors.ts";
import type { Env } from "../run/env.ts";

/** Arguments that name a file, a folder or a run, of whatever tool. */
const pathArguments = new Set([
  "workspace",
  "run",
  "resume",
  "spec",
  "training_csv",
  "validation_csv",
  "kpi_csv",
  "csv",
  "images_root",
  "adopt_run",
  "baseline_ckpt",
  "evaluator",
  "flows_dir",
  "target_dir",
]);

/**
 * Text as the path that was meant: quotes around it, `file://`, `~` and our own run URIs are resolved here, once for every
 * tool. Text of an argument that names no path stays as it is.
 *
 * @throws Refusal `input.invalid` for a path of another system, with the form that this one has for it.
 */
export function pathMeant(name: string, given: string, env: Env): string {
  if (!pathArguments.has(name)) return given;
  const bare = given.trim().replace(/^(["'`])(.*)\1$/s, "$2");
  const [, run] = /^deft:\/\/run\/([^/]+)/.exec(bare) ?? [];
  if (run !== undefined) return decodeURIComponent(run);
  if (/^file:/i.test(bare)) return fromFileUri(name, bare);
  const home = env.HOME;
  if (home && (bare === "~" || bare.startsWith("~/"))) return join(home, bare.slice(2));
  if (process.platform !== "win32" && bare.includes("\\")) throw otherSystem(name, bare);
  return bare;
}

function fromFileUri(name: string, uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch {
    throw new Refusal("input.invalid", `${name} is a file URI that names no file of this machine.`, {
      argument: name,
      given: excerpt(uri),
    });
  }
}

function otherSystem(name: string, given: string): Refusal {
  const slashed = given.replaceAll("\\", "/");
  const [, drive, rest] = /^([A-Za-z]):\/?(.*)$/s.exec(slashed) ?? [];
  const facts = {
    argument: name,
    given: excerpt(given),
    here: drive ? `/mnt/${drive.toLowerCase()}/${rest}` : slashed,
  };
  const message = `${name} is a Windows path, and this server runs on ${process.platform}; below WSL it is written as in the facts.`;
  return new Refusal("input.invalid", message, facts);
}
