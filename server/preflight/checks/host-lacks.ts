import type { Settings } from "../../run/platform-settings.ts";
import { halt, ok } from "../findings.ts";
import type { Findings, Step, StepCheck } from "../survey.ts";

/**
 * What the loop has stages for and a Python environment does not hold: the generator, which is no package, and often the
 * data services. The engine takes the place of those where nobody asked for them, and the plan says so.
 */
export const hostLacksStep: Step = {
  id: "stages",
  title: "Stages of the environment",
  async look({ environment, settings, parameters }): Promise<Findings> {
    if (environment?.packages === undefined || settings === undefined) return {};
    const { venv, packages, scripts } = environment;
    const checks: StepCheck[] = [];
    if (parameters.num_sdg?.value !== 0) {
      const detail = `AnomalyGen is in no package, so ${venv} cannot generate`;
      checks.push(
        halt("executor.program-missing", detail, "Plan with num_sdg 0 (--num-sdg 0): the loop then mines alone."),
      );
    }
    const has = {
      embedding: scripts.embedding === "ok" && Boolean(packages.data_services),
      neighbors: scripts.tmm === "ok" && packages.neighbors,
    };
    const chosen: Record<string, Settings[string]> = {};
    for (const name of ["embedding", "neighbors"] as const) {
      const asked = settings[name];
      if (asked === undefined) chosen[name] = { value: has[name] ? "tao" : "engine", source: "found" };
      if (asked?.value !== "tao" || has[name]) continue;
      const detail = `${venv} has not what ${name}=tao needs: ${needs[name]}`;
      checks.push(halt("executor.program-missing", detail, `Install it, or set ${name}=engine.`));
    }
    const now = { ...settings, ...chosen };
    const texts = (["embedding", "neighbors"] as const).map(
      (name) => `${titles[name]} by ${whose[String(now[name]?.value)]}`,
    );
    const detail = `${texts.join(", ")}${parameters.num_sdg?.value === 0 ? "; nothing is generated (num_sdg 0)" : ""}`;
    return { found: { settings: now }, checks: [...checks, ...(ok(detail).checks ?? [])] };
  },
};

const needs = {
  embedding: "the script embedding of nvidia-tao-ds",
  neighbors: "the script tmm of nvidia-tao-ds, with cuDF and cuML",
} as const;
const titles = { embedding: "embeddings", neighbors: "neighbours" } as const;
const whose: Readonly<Record<string, string>> = { tao: "TAO", engine: "the embedded engine, exactly and on the CPU" };
