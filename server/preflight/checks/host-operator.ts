import { halt, notNeeded, ok } from "../findings.ts";
import type { Findings, Step } from "../survey.ts";

/** Backbones whose model loads the compiled deformable attention: it is built for a newer C++ library than some hosts have. */
const usesIt = /radio|vit|dino/i;

/** The compiled operator of TAO's wheel loads here; without it a training ends before its first epoch. */
export const hostOperatorStep: Step = {
  id: "operator",
  title: "Compiled operator",
  async look({ environment, spec }): Promise<Findings> {
    const operator = environment?.operator;
    if (operator === undefined || environment?.torch?.error !== undefined) return {};
    if (operator.error === undefined) {
      return operator.path ? ok(operator.path) : notNeeded("this release of TAO brings none");
    }
    const fix = /GLIBCXX_[\d.]+/.test(operator.error)
      ? "Put a libstdc++ of GCC 13.2 or later before the host's, by LD_LIBRARY_PATH in the server's environment."
      : "Install the torch that the wheel's operator was built against.";
    const detail = `MultiScaleDeformableAttention does not load: ${operator.error}`;
    const backbone = spec?.content.backbone_type ?? "";
    if (usesIt.test(backbone)) return { checks: [halt("executor.environment", detail, fix)] };
    return ok(`not needed by ${backbone || "this backbone"}`, { warnings: [`${detail}. ${fix}`] });
  },
};
