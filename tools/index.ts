import { acknowledgeStop } from "./acknowledge-stop.ts";
import { approvePlan } from "./approve-plan.ts";
import { cancelStage } from "./cancel-stage.ts";
import type { Tool } from "./define.ts";
import { finishLoop } from "./finish-loop.ts";
import { logStage } from "./log-stage.ts";
import { loopStatus } from "./loop-status.ts";
import { nextSeq } from "./next-seq.ts";
import { osmoCancel } from "./osmo-cancel.ts";
import { osmoOutputs } from "./osmo-outputs.ts";
import { osmoStatus } from "./osmo-status.ts";
import { preferences } from "./preferences.ts";
import { preflight } from "./preflight.ts";
import { renderReport } from "./render-report.ts";
import { runStage } from "./run-stage.ts";
import { submitOsmo } from "./submit-osmo.ts";
import { validateCsv } from "./validate-csv.ts";

/** Every tool, in the order in which a client lists them. */
export const tools: readonly Tool[] = [
  preflight,
  approvePlan,
  loopStatus,
  runStage,
  cancelStage,
  nextSeq,
  logStage,
  renderReport,
  finishLoop,
  acknowledgeStop,
  validateCsv,
  submitOsmo,
  osmoStatus,
  osmoCancel,
  osmoOutputs,
  preferences,
];
