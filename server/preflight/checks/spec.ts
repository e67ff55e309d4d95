import { readSpec } from "../../data/spec.ts";
import { Refusal } from "../../errors.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { workspacePaths } from "../../run/paths.ts";
import { specProblems } from "../spec-rules.ts";
import type { Findings, Step } from "../survey.ts";
import { inputPath } from "../workspace.ts";

const head = { id: "spec", title: "Train spec" };

/** The train spec parses, asks for no AutoML, and holds nothing that TAO would refuse hours later. */
export const specStep: Step = {
  ...head,
  async look(survey): Promise<Findings> {
    const { workspace, request, platform } = survey;
    const path = await inputPath(workspace, request.spec ?? workspacePaths(workspace).spec, "spec");
    const spec = await readSpec(path);
    const problems = specProblems(spec, platform);
    const [first] = problems;
    if (first !== undefined) {
      const message = `${path}: ${first.key} ${first.problem}.`;
      throw new Refusal("input.bad-spec", message, { path, problems: problems.slice(0, 10) });
    }
    const lightings = spec.lightings.join(", ") || "none";
    const detail = `${path}; lightings ${lightings}; AutoML: off (this workflow only)`;
    return {
      found: { spec: { path, sha256: await sha256OfFile(path), content: spec } },
      checks: [{ ...head, outcome: "ok", detail }],
    };
  },
};
