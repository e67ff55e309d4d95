import type { ImageFacts } from "../../ports/executor.ts";
import { type Settings, valuesOf } from "../../run/platform-settings.ts";
import type { Findings, Step, StepCheck, Survey } from "../survey.ts";
import { neededImages } from "./docker-images.ts";

/**
 * What a platform on other machines shows of the things that the plan rests on. What it has by itself, such as the context
 * that a kubeconfig names today, becomes a setting of the plan.
 */
export const inspectionStep: Step = {
  id: "inspection",
  title: "Platform as it is",
  async look(survey): Promise<Findings> {
    const { executor, workspace, parameters, settings = {} } = survey;
    if (executor?.inspect === undefined) return {};
    const gpus = Number(parameters.num_gpus?.value ?? 1);
    const { findings, found, images } = await executor.inspect(valuesOf(settings), { workspace, gpus });
    const now = Object.entries(found).filter(([key]) => settings[key] === undefined);
    const added: Settings = Object.fromEntries(now.map(([key, value]) => [key, { value, source: "found" }]));
    const chosen = images === undefined ? {} : chosenImages(survey, images);
    return {
      found: { settings: { ...settings, ...added }, ...chosen },
      checks: findings.map(({ warnings: _, ...check }): StepCheck => check),
      warnings: findings.flatMap(({ warnings = [] }) => warnings),
    };
  },
};

function chosenImages(survey: Survey, images: Readonly<Record<string, ImageFacts>>): Pick<Survey, "containers"> {
  return { containers: Object.fromEntries(neededImages(survey).map((key) => [key, images[key]])) };
}
