import type { Step } from "../survey.ts";
import { adoptionStep } from "./adoption.ts";
import { baseCsvSteps } from "./base-csvs.ts";
import { credentialsStep } from "./credentials.ts";
import { dockerGpusStep } from "./docker-gpus.ts";
import { dockerHostStep } from "./docker-host.ts";
import { dockerImagesStep } from "./docker-images.ts";
import { dockerBackboneStep, dockerModelsStep } from "./docker-models.ts";
import { embeddedOnlyStep } from "./embedded-only.ts";
import { generatorAssetsStep } from "./generator-assets.ts";
import { imagesRootStep } from "./images-root.ts";
import { leakageStep } from "./leakage.ts";
import { miningPoolStep } from "./mining-pool.ts";
import { networkModeStep } from "./network-mode.ts";
import { pathRuleStep } from "./path-rule.ts";
import { platformStep } from "./platform.ts";
import { requiredStep } from "./required.ts";
import { settingsStep } from "./settings.ts";
import { specStep } from "./spec.ts";
import { specPathsStep } from "./spec-paths.ts";
import { unfinishedRunsStep } from "./unfinished-runs.ts";

/**
 * The preflight in its published order (tao-stages 6.1). A step sees what the ones before it found; steps that only
 * containers need are listed by the platform that has them.
 */
export const steps: readonly Step[] = [
  platformStep,
  networkModeStep,
  specStep,
  settingsStep,
  unfinishedRunsStep,
  imagesRootStep,
  ...baseCsvSteps,
  miningPoolStep,
  generatorAssetsStep,
  adoptionStep,
  dockerHostStep,
  dockerImagesStep,
  dockerGpusStep,
  dockerBackboneStep,
  dockerModelsStep,
  credentialsStep,
  pathRuleStep,
  specPathsStep,
  embeddedOnlyStep,
  leakageStep,
  requiredStep,
];
