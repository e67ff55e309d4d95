import type { EngineIo } from "./io.ts";

type Entry = (args: string[], io: EngineIo) => Promise<number>;

const usage = `usage: engine PROGRAM ARGS
  visual_changenet train|inference|evaluate -e SPEC [key=value ...]
  gap_analysis vcn_aoi -e SPEC [key=value ...]
  embedding image_embeddings -e SPEC input_parquet=P output_parquet=P
  tmm nearest_neighbors -e SPEC source_parquet=P target_parquet=P output_parquet=P
  prep_testcase --name NAME --num-sdg N --dataset-dir D --clean-dir D --defect-spec F --amp-output-dir D --output-jsonl F
  run_sdg --checkpoint_dir D --step N --input_jsonl F --output_dir D --model_size 2b|14b --num_gpus 1 [--seed N]
`;

/**
 * Runs one entry point of the embedded engine with the arguments that the container's program of the same name takes,
 * and resolves to its exit status: 0 when it passed, 1 when it failed, 2 when no such program exists.
 *
 * Models and features are this engine's own, on the CPU; file names, formats, markers and error texts are the vendor's.
 */
export async function runEngine(argv: string[], io: EngineIo): Promise<number> {
  const [program = "", ...args] = argv;
  const entry = await findEntry(program.replace(/^.*\//, "").replace(/\.sh$/, ""), args[0]);
  if (entry === undefined) {
    io.stderr.write(usage);
    return 2;
  }
  return entry(args, io);
}

/** Loads what most jobs take, before it is known which one comes. */
export async function loadEntries(): Promise<void> {
  await Promise.all([
    import("./entries/train.ts"),
    import("./entries/inference.ts"),
    import("./entries/image-embeddings.ts"),
    import("./entries/prep-testcase.ts"),
    import("./entries/run-sdg.ts"),
  ]);
}

async function findEntry(program: string, task: string | undefined): Promise<Entry | undefined> {
  const tail =
    (entry: Entry): Entry =>
    (args, io) =>
      entry(args.slice(1), io);
  switch (
    `${program} ${["prep_testcase", "run_sdg", "image_features", "draw_boards"].includes(program) ? "" : task}`.trim()
  ) {
    case "visual_changenet train":
      return tail((await import("./entries/train.ts")).train);
    case "visual_changenet inference":
      return tail((await import("./entries/inference.ts")).inference);
    case "visual_changenet evaluate":
      return tail((await import("./entries/evaluate.ts")).evaluate);
    case "gap_analysis vcn_aoi":
      return tail((await import("./entries/gap-analysis.ts")).gapAnalysis);
    case "embedding image_embeddings":
      return tail((await import("./entries/image-embeddings.ts")).imageEmbeddings);
    case "tmm nearest_neighbors":
      return tail((await import("./entries/nearest-neighbors.ts")).nearestNeighbors);
    case "image_features":
      return (await import("./warm-cache.ts")).imageFeatures;
    case "draw_boards":
      return (await import("./workspace/generate.ts")).drawBoards;
    case "prep_testcase":
      return (await import("./entries/prep-testcase.ts")).prepTestcase;
    case "run_sdg":
      return (await import("./entries/run-sdg.ts")).runSdg;
    default:
      return undefined;
  }
}
