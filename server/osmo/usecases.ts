/** Checkpoint taxonomy of one shipped use case. */
export type Usecase = {
  readonly checkpoint_step: string;
  readonly pairs: readonly (readonly [material: string, defect: string])[];
};

/** Shipped use cases: the step of the shipped checkpoint and the material and defect pairs that it knows. */
export const usecases: Readonly<Record<string, Usecase>> = {
  pcb: {
    checkpoint_step: "14000",
    pairs: [
      ["IC", "bridge"],
      ["passive_component", "excess_solder"],
      ["passive_component", "missing"],
    ],
  },
  metal_surface: {
    checkpoint_step: "10000",
    pairs: ["MT_Blowhole", "MT_Break", "MT_Crack", "MT_Fray", "MT_Uneven"].map((defect) => ["metal_surface", defect]),
  },
  glass: {
    checkpoint_step: "9000",
    pairs: ["oil", "scratch", "stain"].map((defect) => ["Phone", defect]),
  },
};

/** Pairs as the knob wants them: compact JSON without quotes around it. */
export function pairsJson(pairs: Usecase["pairs"]): string {
  return JSON.stringify(pairs);
}

export type Board = {
  /** Photo below `datasets/pcb/assets`; a board change on real alignment needs both knobs. */
  readonly photo: string;
  readonly material: string;
  /** Modes that `defect_modes=all` enables in its cookbook. */
  readonly modes: readonly string[];
};

/** Shipped boards by the name of their cookbook directory. */
export const boards: Readonly<Record<string, Board>> = {
  "0603_H100": {
    photo: "input_real_image/0603_H100.jpg",
    material: "passive_component",
    modes: ["shift", "tombstone", "sideflip"],
  },
  "1152819000": { photo: "input_real_image/115_2819_000.jpg", material: "IC", modes: ["shift"] },
};

export const defaultBoard = "0603_H100";
export const defectModes = ["shift", "tombstone", "sideflip"] as const;
