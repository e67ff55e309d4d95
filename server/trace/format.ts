import { z } from "zod";
import { jobExitSchema, jobSpecSchema } from "../run/job.ts";

/** Version of the format. New code reads every older one; a newer one is refused. */
export const traceFormat = 3;

/** What a trace should keep to, all its connections together. A larger one is recorded all the same, and says so. */
export const traceBudgetBytes = 20_000_000;

const output = z.object({
  path: z.string(),
  sha256: z.string(),
  size_bytes: z.number(),
  mtime_ms: z.number(),
  /** Hash of the stored content; absent when the file was beyond the cap. */
  stored: z.string().optional(),
  image: z
    .object({ format: z.enum(["jpeg", "png", "bmp", "tiff", "webp"]), width: z.number(), height: z.number() })
    .optional(),
});
export type Output = z.infer<typeof output>;

/** What the server wrote for a job, with names for what differs between runs; `sha256` is of the named content. */
const input = z.object({
  path: z.string(),
  sha256: z.string(),
  /** Hash of the stored content; absent when it was too long. */
  stored: z.string().optional(),
});
export type JobInput = z.infer<typeof input>;

const counted = {
  n: z.number().int().min(1),
  /** Place among the lines of all connections of one server; absent where it served one alone. */
  turn: z.number().int().optional(),
  now: z.array(z.number()).optional(),
  ids: z.array(z.string()).optional(),
};
const members = z.record(z.string(), z.unknown());
const messageId = z.union([z.string(), z.number()]);

/** One line of a trace. `now` and `ids` are what clock and chance said since the line before. */
export const traceLineSchema = z.discriminatedUnion("kind", [
  z.object({
    ...counted,
    kind: z.literal("connection"),
    format: z.number().int(),
    /** Number of the first connection of the server that this one belongs to, when it served several at once. */
    group: z.number().int().optional(),
    version: z.string(),
    started_at: z.string(),
    toolsets: z.array(z.string()),
    env: z.record(z.string(), z.string()),
    secrets: z.array(z.string()),
    cwd: z.string(),
  }),
  z.object({ ...counted, kind: z.literal("symbol"), name: z.string(), value: z.string() }),
  z.object({
    ...counted,
    kind: z.literal("workspace"),
    name: z.string(),
    generated: z.object({ seed: z.number(), size: z.string() }).optional(),
    inputs: z.record(z.string(), z.string()),
  }),
  z.object({ ...counted, kind: z.literal("request"), id: messageId, method: z.string(), params: members.optional() }),
  z.object({ ...counted, kind: z.literal("notice"), method: z.string(), params: members.optional() }),
  z.object({ ...counted, kind: z.literal("result"), id: messageId, result: z.unknown() }),
  z.object({ ...counted, kind: z.literal("ask"), id: messageId, method: z.string(), params: members.optional() }),
  z.object({ ...counted, kind: z.literal("answer"), id: messageId, result: z.unknown() }),
  z.object({ ...counted, kind: z.literal("progress"), params: members }),
  z.object({ ...counted, kind: z.literal("event"), run: z.string(), entry: members, figures: members }),
  z.object({
    ...counted,
    kind: z.literal("job-start"),
    run: z.string(),
    platform: z.string(),
    spec: jobSpecSchema,
    /** Absent in traces from before inputs were recorded: they are then not compared. */
    inputs: z.array(input).optional(),
  }),
  z.object({ ...counted, kind: z.literal("job-progress"), run: z.string(), id: z.string(), progress: members }),
  z.object({
    ...counted,
    kind: z.literal("file"),
    sha256: z.string(),
    encoding: z.enum(["text", "table", "gzip", "aside"]),
    content: z.unknown().optional(),
    /** Of a text beside the trace, which `sha256` is of; its line has no content. */
    size_bytes: z.number().int().min(0).optional(),
  }),
  z.object({
    ...counted,
    kind: z.literal("job-end"),
    run: z.string(),
    id: z.string(),
    exit: jobExitSchema,
    outputs: z.array(output),
  }),
  /** What was read of embedding tables that are beyond the cap; `stored` names it among the files. */
  z.object({ ...counted, kind: z.literal("embeddings"), source: z.string(), targets: z.string(), stored: z.string() }),
  z.object({ ...counted, kind: z.literal("port"), platform: z.string(), call: z.string(), result: z.unknown() }),
  /** `over_budget_bytes`: size of the whole trace, where that is beyond `traceBudgetBytes`. */
  z.object({ ...counted, kind: z.literal("end"), over_budget_bytes: z.number().optional() }),
]);
export type TraceLine = z.infer<typeof traceLineSchema>;
type Uncounted<Line> = Line extends TraceLine ? Omit<Line, "n" | "turn" | "now" | "ids"> : never;
/** A line before it gets its number. */
export type NewLine = Uncounted<TraceLine>;

/** File of the connection with this number, counted from 1. */
export const connectionFile = (number: number): string => `connection-${number}.jsonl`;
export const connectionPattern = /^connection-(\d+)\.jsonl$/;
