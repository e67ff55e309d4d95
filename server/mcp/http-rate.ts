type Bucket = { left: number; at: number };

/** More callers than this are not told apart: the one that was quiet longest is forgotten. */
const mostCallers = 10_000;

/** Asks for one request of a caller; the seconds to wait when it has had its share, else undefined. */
export type Rate = (caller: string) => number | undefined;

/** A share of `perMinute` requests for every caller, of which a tenth may come at once. `now` in milliseconds. */
export function rateOf(perMinute: number, now: () => number = () => performance.now()): Rate {
  const buckets = new Map<string, Bucket>();
  const full = Math.max(1, perMinute / 10);
  const perMs = perMinute / 60_000;
  return (caller) => {
    const at = now();
    const before = buckets.get(caller) ?? { left: full, at };
    const left = Math.min(full, before.left + (at - before.at) * perMs);
    // Set anew, so that the map's order is that of the last use.
    buckets.delete(caller);
    buckets.set(caller, { left: left >= 1 ? left - 1 : left, at });
    if (buckets.size > mostCallers) buckets.delete(buckets.keys().next().value ?? "");
    return left >= 1 ? undefined : Math.ceil((1 - left) / perMs / 1000);
  };
}
