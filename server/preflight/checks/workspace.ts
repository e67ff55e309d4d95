import { Refusal } from "../../errors.ts";
import { containedPath } from "../../fs/contained.ts";
import { freeBytes, kindOf, writableDirectory } from "../../fs/read.ts";
import { workspacePaths } from "../../run/paths.ts";
import { valueAt } from "../../run/record.ts";
import { savingInterval } from "../../stages/shared/train-spec.ts";
import { halt, ok } from "../findings.ts";
import { liveRunName } from "../live-run.ts";
import type { Findings, Step } from "../survey.ts";
import type { FoundRun } from "../unfinished.ts";
import { gigabytes } from "./docker-host.ts";

/**
 * Where the paths of the base CSVs start: `images/`, else the legacy `kpi/images` (tao-stages 1.2). The real path is
 * what the run keeps, so a link may lead elsewhere in the workspace but not out of it.
 */
export const imagesRootStep: Step = {
  id: "images_root",
  title: "Images root",
  async look(survey): Promise<Findings> {
    const { images, legacyImages } = workspacePaths(survey.workspace);
    for (const path of [images, legacyImages]) {
      if ((await kindOf(path)) !== "directory") continue;
      const images_dir = await containedPath([survey.workspace], path, "images root");
      return ok(images_dir, { found: { images_dir } });
    }
    throw new Refusal("input.unreadable-file", "The workspace has neither images/ nor kpi/images/.", {
      tried: [images, legacyImages],
    });
  },
};

/**
 * The workspace can hold a run: `results/` is, or can become, a writable directory, and the platform can take the
 * path. The published entry points split their arguments like a shell, so blanks, quotes and `$` break them.
 */
export const pathRuleStep: Step = {
  id: "path_rule",
  title: "Workspace paths",
  async look(survey): Promise<Findings> {
    const { workspace, program } = survey;
    if (program === "tao" && /[\s$"'`\\]/.test(workspace)) {
      const message = "TAO's entry points cannot take blanks, quotes or $ in the workspace path.";
      throw new Refusal("input.invalid", message, { workspace });
    }
    const results = workspacePaths(workspace).results;
    const writable = await writableDirectory(results);
    if (!writable.ok) {
      throw new Refusal("input.write-failed", `Runs cannot be created in ${results}: ${writable.errno}.`, {
        path: results,
        errno: writable.errno,
      });
    }
    return ok(`runs go to ${results}/run_<stamp>`);
  },
};

/** One C-RADIO-B checkpoint; larger backbones take more. */
const checkpointBytes = 1.85e9;

/** Room for the checkpoints that TAO keeps: those of every training of the run stay. */
export const diskSpaceStep: Step = {
  id: "disk_space",
  title: "Disk space",
  async look(survey): Promise<Findings> {
    const { workspace, program, spec, parameters, containers } = survey;
    if (program !== "tao" || spec === undefined || containers?.tao_pyt?.engine !== undefined) return {};
    const epochs = Number(parameters.num_epochs?.value ?? 0);
    const trainings = 1 + Number(parameters.max_iterations?.value ?? 0);
    const asked = Number(valueAt(spec.content.raw, "train.checkpoint_interval") ?? 1);
    const kept = Math.max(1, Math.ceil(epochs / savingInterval(epochs, Number.isInteger(asked) ? asked : 1)));
    const free = await freeBytes(workspace);
    const needed = kept * trainings * checkpointBytes;
    const detail = `${kept} checkpoint(s) of 1.85 GB x ${trainings} training(s): ${gigabytes(needed)}`;
    if (free === undefined || free >= needed) return ok(detail);
    const short = `${detail}, but ${gigabytes(free)} are free in ${workspace}`;
    const fix = "Free space, raise train.checkpoint_interval, or plan fewer iterations.";
    if (free < kept * checkpointBytes) return { checks: [halt("executor.disk-full", short, fix)] };
    return ok(detail, { warnings: [`${short}. ${fix}`] });
  },
};

/** A run that is not finished is resumed or left on purpose, never by oversight. */
export const unfinishedRunsStep: Step = {
  id: "unfinished_runs",
  title: "Unfinished runs",
  async look(survey): Promise<Findings> {
    const open = survey.runs.filter((run) => run.unfinished);
    const live = liveRunName(survey.request);
    if (open.length === 0) return ok("none");
    if (live !== undefined) return ok(`goes on with ${live}`);
    if (survey.request.resume === "fresh") {
      return ok(`${open.length} left as they are; a new run starts`);
    }
    const listed = open.map(describe).join("; ");
    const ask = `Resume one of the unfinished runs (${listed}) or start fresh (resume="fresh")?`;
    return { missing: [{ field: "resume", ask, choices: [...open.map((run) => run.run_id), "fresh"] }] };
  },
};

function describe(run: FoundRun): string {
  const last =
    run.last_event === undefined
      ? "nothing done"
      : `${run.last_event.iter} ${run.last_event.stage} ${run.last_event.status}`;
  return `${run.run_id}: ${run.hard_stop === undefined ? last : `stopped by ${run.hard_stop}`}`;
}
