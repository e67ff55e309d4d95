import type { Gate } from "../../ports/gate.ts";

/**
 * Protects against a training that trained nothing: no epoch ran although the task passed, or the "new" checkpoint is a
 * copy or a link of weights that were there before.
 */
export const newCheckpoint: Gate = {
  name: "new checkpoint",
  codes: ["stage.no-new-checkpoint"],
  judge({ checkpoints }) {
    if (checkpoints === undefined) return [];
    const { train_dir, copies, epochs_trained } = checkpoints;
    const refuse = (message: string, facts: Record<string, unknown>) =>
      ({ code: "stage.no-new-checkpoint", message, facts: { train_dir, ...facts }, acceptable: false }) as const;
    const [copied] = Object.entries(copies);
    return [
      ...(epochs_trained === 0 ? [refuse("Training passed without one epoch.", { epochs_trained })] : []),
      ...(copied
        ? [refuse("A new checkpoint is a copy of an old one.", { checkpoint: copied[0], copy_of: copied[1] })]
        : []),
    ];
  },
};
