/** Whether the soak runs whole; otherwise it is the short form that every change passes. */
const full = process.env.DEFT_SOAK === "full";

/** How often the server is killed in the kill storm. */
export const kills = full ? 1000 : 40;

/** How often a recording server is killed. */
export const recordingKills = full ? 200 : 6;

/** How many cases each fuzzed tool and reader gets. */
export const fuzzCases = full ? 10_000 : 1000;
