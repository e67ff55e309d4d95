import type { RefusalCode } from "../../errors.ts";

/** Something about a set of rows that takes the meaning from what is measured on it. */
export type SetFinding = {
  readonly code: RefusalCode;
  /** `halt`: nothing measured on the set means anything before it is put right. */
  readonly weight: "halt" | "warning";
  readonly count: number;
  /** A sentence without the file's name and without a full stop. */
  readonly text: string;
  /** The first five places. */
  readonly examples: readonly Readonly<Record<string, unknown>>[];
};

export const exampleLimit = 5;
