import { excerpt } from "../errors.ts";

const shownFiles = 20;

/** Files that the platform names after `Upload Failed on files:`; undefined when it says no such thing. */
export function uploadFailures(log: string): string[] | undefined {
  const lines = log.split("\n");
  const at = lines.findIndex((line) => line.includes("Upload Failed on files:"));
  if (at === -1) return undefined;
  const told = lines.slice(at).map((line) => line.replace(/^.*(?:\[osmo\]|Upload Failed on files:)\s*/, "").trim());
  const end = told.findIndex((line) => /^(?:All Outputs Uploaded|Upload Start)/.test(line));
  return (end === -1 ? told : told.slice(0, end))
    .filter(Boolean)
    .slice(0, shownFiles)
    .map((line) => excerpt(line, 160));
}

/** Whether the platform's part of a pod ended between the start and the end of its upload. */
export function uploadCutOff(log: string): boolean {
  const start = log.lastIndexOf("Upload Start");
  return start !== -1 && !log.slice(start).includes("All Outputs Uploaded");
}
