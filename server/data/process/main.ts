import { isMainThread } from "node:worker_threads";
import { Refusal } from "../../errors.ts";
import type { Reply } from "../../exec/second-process.ts";
import type { Depth } from "../sketch.ts";
import type { Packed } from "../twins/fingerprint.ts";
import type { Search } from "../twins/search.ts";
import type { NewSearch } from "../twins/search-new.ts";
import type { Comparison } from "./image-work.ts";
import type { NearestRequest, SimilarRequest } from "./nearest-work.ts";
import type { PairFiles } from "./pair-work.ts";
import type { TwinFiles } from "./twin-work.ts";

/** What another process asks this one for. */
export type Request =
  | { readonly kind: "parquet"; readonly path: string; readonly columns?: readonly string[] }
  | { readonly kind: "paths"; readonly path: string }
  | NearestRequest
  | SimilarRequest
  | { readonly kind: "sketches"; readonly items: readonly string[]; readonly depth: Depth }
  | { readonly kind: "compared"; readonly items: readonly Comparison[] }
  | { readonly kind: "pairs"; readonly items: readonly PairFiles[] }
  | { readonly kind: "digests"; readonly items: readonly string[] }
  | { readonly kind: "fingerprints"; readonly items: readonly string[]; readonly windowCount: number }
  | ({ readonly kind: "twin candidates"; readonly prints: Packed } & Omit<Search, "prints">)
  | ({ readonly kind: "new twin candidates"; readonly prints: Packed } & Omit<NewSearch, "prints">)
  | { readonly kind: "twins"; readonly items: readonly TwinFiles[] };

/** The second process of `lanes.ts`: reads what may be hostile, one request at a time. */
async function answer(request: Request): Promise<void> {
  await say({ started: true });
  try {
    for await (const part of partsOf(request)) await say({ part });
    await say({ end: true });
  } catch (error) {
    if (error instanceof Refusal)
      await say({ error: error.message, refused: { code: error.code, facts: error.facts } });
    else await say({ error: error instanceof Error ? error.message : String(error) });
  }
}

async function* partsOf(request: Request): AsyncGenerator<unknown> {
  switch (request.kind) {
    case "parquet": {
      const { parquetParts } = await import("./parquet-parts.ts");
      yield* parquetParts(request.path, request.columns);
      return;
    }
    case "paths":
      yield* (await import("./vector-batches.ts")).pathsOf(request.path);
      return;
    case "nearest":
      yield* (await import("./nearest-work.ts")).nearestRows(request);
      return;
    case "similar":
      yield* (await import("./nearest-work.ts")).similarRows(request);
      return;
    case "sketches":
      yield (await import("./image-work.ts")).sketches(request.items, request.depth);
      return;
    case "compared":
      yield (await import("./image-work.ts")).compared(request.items);
      return;
    case "pairs":
      yield (await import("./pair-work.ts")).pairLikenesses(request.items);
      return;
    case "digests":
      yield (await import("./image-work.ts")).digests(request.items);
      return;
    case "fingerprints":
      yield (await import("./twin-work.ts")).fingerprints(request.items, request.windowCount);
      return;
    case "twin candidates": {
      const { unpacked } = await import("../twins/fingerprint.ts");
      yield* (await import("../twins/search.ts")).candidates({ ...request, prints: unpacked(request.prints) });
      return;
    }
    case "new twin candidates": {
      const { unpacked } = await import("../twins/fingerprint.ts");
      const { candidatesOfNew } = await import("../twins/search-new.ts");
      yield* candidatesOfNew({ ...request, prints: unpacked(request.prints) });
      return;
    }
    case "twins":
      yield (await import("./twin-work.ts")).twinLikenesses(request.items);
  }
}

function say(reply: Reply): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(reply, undefined, {}, (error) => (error ? reject(error) : resolve()));
  });
}

// A library that is done with a spoiled file may still reject what nobody waits for.
process.on("unhandledRejection", () => undefined);
if (isMainThread) {
  process.on("disconnect", () => process.exit());
  process.on("message", (request: Request) => void answer(request).catch(() => process.exit(1)));
} else {
  await import("./compare-thread.ts");
}
