import type { Gate } from "../../ports/gate.ts";

/** A part seen twice trains a little unevenly; every other problem ends or falsifies the training. */
const tolerated: Readonly<Record<string, string>> = {
  "gate.duplicate-row": "training rows show an image that another row shows",
  "gate.contradiction": "images of the training set are PASS in one row and a defect in another",
};

/**
 * Protects the training from rows that its loader would change, refuse or not find: columns, values that read as
 * missing, label case, images that are absent, broken or outside the workspace, one class alone, less than one batch.
 */
export const trainingRows: Gate = {
  name: "training rows",
  codes: [
    "gate.schema",
    "gate.no-rows",
    "gate.missing-value",
    "gate.numeric-column",
    "gate.label-case",
    "gate.missing-image",
    "gate.bad-image",
    "gate.path-outside-workspace",
  ],
  judge({ rows }) {
    const refused = (rows?.problems ?? []).filter(({ code }) => tolerated[code] === undefined);
    const codes = refused.map(({ code }) => code);
    return refused.map(({ code, count, examples }) => ({
      code,
      message: "The combined training set is not usable.",
      facts: { path: rows?.csv, rows: count, examples, codes },
      acceptable: false,
    }));
  },
  warnings: ({ rows }) =>
    (rows?.problems ?? []).flatMap(({ code, count }) => {
      const text = tolerated[code];
      return text === undefined ? [] : [`${count} ${text}.`];
    }),
};
