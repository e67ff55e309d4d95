import { mapTexts } from "./symbols.ts";

/**
 * The declared normalisations of a result, beyond names for paths, runs, stamps and plans: what time, chance and host
 * decide. Everything else is compared as it is. references/replay.md lists them for readers.
 */
const blurs: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?/g, "{time}"],
  [/\b[0-9a-f]{64}\b/g, "{sha256}"],
  [/\(incident [0-9a-f]+\)/g, "(incident {incident})"],
  [/(?<=(?: · |\(|~))\d+(?:s|m|h \d\dm)\b/g, "{duration}"],
  [/\b\d+ cores?\b/g, "{cores} cores"],
  // Of a plan: they are made of what this host measured in earlier runs.
  [/(?<=\| Estimated runtime \| )[^|\n]*(?= \|)/g, "{estimate}"],
  [/(?<=^Expected time: ).*/gm, "{estimate}"],
  [/(?<=\bGPU hours(?:: | \| )about )[\d.]+/g, "{estimate}"],
];

/** Fields that only say how long something took or what the host is like. */
const hostFields = new Set([
  "duration_sec",
  "waited_sec",
  "elapsed_sec",
  "eta_sec",
  "estimate_sec",
  "pid",
  "spawned_at_ms",
]);

/** Transcripts are no part of a trace, so what was or was not found in them says nothing. */
const aboutTokens = /^(No message of the |Tokens were not aligned)/;

export function blurText(text: string): string {
  return blurs.reduce((rest, [pattern, name]) => rest.replace(pattern, name), text);
}

/** A value with everything of `blurs` and the host's fields written as names. */
export function blur(value: unknown): unknown {
  return withoutHost(mapTexts(value, blurText));
}

function withoutHost(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutHost);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      if (hostFields.has(key)) return [key, "{host}"];
      const told =
        key === "warnings" && Array.isArray(member) ? member.filter((one) => !aboutTokens.test(String(one))) : member;
      return [key, withoutHost(told)];
    }),
  );
}
