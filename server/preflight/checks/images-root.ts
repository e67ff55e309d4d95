import { Refusal } from "../../errors.ts";
import { containedPath } from "../../fs/contained.ts";
import { kindOf } from "../../fs/read.ts";
import { workspacePaths } from "../../run/paths.ts";
import type { Findings, Step } from "../survey.ts";

const head = { id: "images_root", title: "Images root" };

/**
 * Where the paths of the base CSVs start: `images/`, else the legacy `kpi/images` (tao-stages 1.2). The real path is
 * what the run keeps, so a link may lead elsewhere in the workspace but not out of it.
 */
export const imagesRootStep: Step = {
  ...head,
  async look(survey): Promise<Findings> {
    const { images, legacyImages } = workspacePaths(survey.workspace);
    for (const path of [images, legacyImages]) {
      if ((await kindOf(path)) !== "directory") continue;
      const images_dir = await containedPath([survey.workspace], path, "images root");
      return { found: { images_dir }, checks: [{ ...head, outcome: "ok", detail: images_dir }] };
    }
    throw new Refusal("input.unreadable-file", "The workspace has neither images/ nor kpi/images/.", {
      tried: [images, legacyImages],
    });
  },
};
