/** Whether the soak runs whole; otherwise it is the short form that every change passes. */
const full = process.env.DEFT_SOAK === "full";

/** How often the server is killed in the kill storm. */
export const kills = full ? 1000 : 40;

/** How often a recording server is killed. */
export const recordingKills = full ? 200 : 6;

/** Whether this is the soak at all, and not `npm test`, which tries a few of each. */
const soaks = process.env.DEFT_SOAK !== undefined;

/** How many cases each fuzzed tool and reader gets. */
export const fuzzCases = full ? 10_000 : soaks ? 1000 : 200;

/** How many cases of a whole number a property gets here: all in the soak, a fifth in `npm test`. */
export const share = (whole: number) => (soaks ? whole : whole / 5);

/** At every how many touches of the disk a commit is killed. */
export const killEvery = soaks ? 1 : 4;

/** Traces that are spoiled: name, connection and how many of its fields. */
export const spoiledTraces: [string, number, number][] = soaks
  ? [
      ["good-run", 1, 130],
      ["hard-stop", 1, 40],
      ["hard-stop", 2, 30],
    ]
  : [["hard-stop", 1, 20]];
