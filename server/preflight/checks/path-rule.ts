import { Refusal } from "../../errors.ts";
import { writableDirectory } from "../../fs/read.ts";
import { workspacePaths } from "../../run/paths.ts";
import type { Findings, Step } from "../survey.ts";

const head = { id: "path_rule", title: "Workspace paths" };

/**
 * The workspace can hold a run: `results/` is, or can become, a writable directory, and the platform can take the
 * path. The published entry points split their arguments like a shell, so blanks, quotes and `$` break them.
 */
export const pathRuleStep: Step = {
  ...head,
  async look(survey): Promise<Findings> {
    const { workspace, platform } = survey;
    if (platform === "docker" && /[\s$"'`\\]/.test(workspace)) {
      throw new Refusal(
        "input.invalid",
        "A container entry point cannot take blanks, quotes or $ in the workspace path.",
        {
          workspace,
        },
      );
    }
    const results = workspacePaths(workspace).results;
    const writable = await writableDirectory(results);
    if (!writable.ok) {
      throw new Refusal("input.write-failed", `Runs cannot be created in ${results}: ${writable.errno}.`, {
        path: results,
        errno: writable.errno,
      });
    }
    return { checks: [{ ...head, outcome: "ok", detail: `runs go to ${results}/run_<stamp>` }] };
  },
};
