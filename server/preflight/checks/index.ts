import type { Step } from "../survey.ts";
import { adoptionStep } from "./adoption.ts";
import { baseCsvSteps } from "./base-csvs.ts";
import { boardsStep } from "./boards.ts";
import { dockerGpusStep } from "./docker-gpus.ts";
import { dockerHostStep } from "./docker-host.ts";
import { dockerImagesStep } from "./docker-images.ts";
import { backboneStep, credentialsStep, dockerModelsStep } from "./docker-models.ts";
import { generatorAssetsStep } from "./generator-assets.ts";
import { generatorLeakageStep } from "./generator-leakage.ts";
import { hostCudaStep } from "./host-cuda.ts";
import { hostLacksStep } from "./host-lacks.ts";
import { hostOperatorStep } from "./host-operator.ts";
import { hostPackagesStep } from "./host-packages.ts";
import { hostPythonStep } from "./host-python.ts";
import { inspectionStep } from "./inspection.ts";
import { kpiSizeStep } from "./kpi-size.ts";
import { leakageStep } from "./leakage.ts";
import { miningPoolStep } from "./mining-pool.ts";
import { embeddedOnlyStep, networkModeStep, platformStep, settingsStep } from "./platform.ts";
import { requiredStep } from "./required.ts";
import { rulerStep } from "./ruler.ts";
import { specMeaningStep, specPathsStep, specStep } from "./train-spec.ts";
import { twinsStep } from "./twins.ts";
import { diskSpaceStep, imagesRootStep, pathRuleStep, unfinishedRunsStep } from "./workspace.ts";

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
  kpiSizeStep,
  rulerStep,
  miningPoolStep,
  generatorAssetsStep,
  adoptionStep,
  dockerHostStep,
  dockerImagesStep,
  inspectionStep,
  dockerGpusStep,
  hostPythonStep,
  hostPackagesStep,
  hostCudaStep,
  hostOperatorStep,
  hostLacksStep,
  backboneStep,
  dockerModelsStep,
  credentialsStep,
  pathRuleStep,
  diskSpaceStep,
  specPathsStep,
  specMeaningStep,
  embeddedOnlyStep,
  leakageStep,
  generatorLeakageStep,
  twinsStep(),
  boardsStep,
  requiredStep,
];
