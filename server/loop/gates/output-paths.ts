import { isInside } from "../../fs/contained.ts";
import type { Gate } from "../../ports/gate.ts";

/**
 * Protects everything outside the run: each file that a stage hands over lies, links resolved, in this run's directory
 * of this iteration. A file of another run or iteration is no evidence either.
 */
export const outputPaths: Gate = {
  name: "output paths",
  codes: ["gate.path-outside-workspace"],
  judge({ outputs }) {
    if (outputs === undefined) return [];
    const outside = outputs.files.filter(({ real }) => !outputs.allowed.some((root) => isInside(root, real)));
    if (outside.length === 0) return [];
    const facts = { allowed: outputs.allowed, outside: outside.slice(0, 5) };
    const message = "Files of this stage lie outside its iteration.";
    return [{ code: "gate.path-outside-workspace", message, facts, acceptable: false }];
  },
};
