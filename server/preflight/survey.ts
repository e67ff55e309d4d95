import type { ImageIndex } from "../data/image-index.ts";
import type { RowImages } from "../data/row-images.ts";
import type { TrainSpec } from "../data/spec.ts";
import type { Paces } from "../journal/pace.ts";
import type { Deps } from "../ports/call.ts";
import type { EnvironmentFacts } from "../ports/environment.ts";
import type { Executor, ImageFacts, PlatformFacts } from "../ports/executor.ts";
import type { ImageKey } from "../run/job.ts";
import type { Platform } from "../run/labels.ts";
import type { MetricContract } from "../run/metric.ts";
import type { Settings } from "../run/platform-settings.ts";
import type { Program } from "../run/platform-traits.ts";
import type { Plan } from "../run/state.ts";
import type { PlanRequest } from "./request.ts";
import type { Check, Missing, TwinsFound } from "./resolution.ts";
import type { FoundRun } from "./unfinished.ts";

/** The frozen test set is optional and has one place only. */
export const csvRoles = ["training_csv", "validation_csv", "kpi_csv", "holdout_csv"] as const;
export type CsvRole = (typeof csvRoles)[number];

/** A set of rows whose images are looked at. */
export type Side = CsvRole | "pool";
/** Every set that there is, its images numbered in one index and looked at. */
export type Sides = {
  readonly index: ImageIndex;
  /** Tables and images as they are now (`questionOf`). */
  readonly question: string | undefined;
} & Readonly<Record<Side, RowImages | undefined>>;

/** A CSV that parsed: what it holds and its digest. */
export type CsvFacts = {
  readonly path: string;
  readonly sha256: string;
  readonly rows: number;
  /** Rows by label, `PASS` first, then by count. */
  readonly labels: Readonly<Record<string, number>>;
  /** Rows whose label is written otherwise than the loader compares it: a run works on a copy that spells them right. */
  readonly relabelled?: number;
};

export type Parameter = Plan["parameters"][string];
export type Parameters = Readonly<Record<string, Parameter>>;

/** The train spec with the digest of its file. */
type SpecFacts = { readonly path: string; readonly sha256: string; readonly content: TrainSpec };

/** The pool with the number of its rows, all of which lead to an image. */
export type PoolFacts = Omit<CsvFacts, "relabelled">;

export type GeneratorFacts = {
  readonly project: string;
  readonly dataset_dir: string;
  readonly defect_spec: string;
  readonly sha256: string;
  /** `<TEXTURE>+<TYPE>` as written. */
  readonly defect_types: readonly string[];
  readonly supported_labels: readonly string[];
  /** Absent on the embedded engine, and while the checkpoint is still to be fetched. */
  readonly checkpoint_dir?: string;
  readonly step?: number;
};

/** What the checks know so far; each adds to it and later ones build on it. */
export type Survey = {
  readonly request: PlanRequest;
  readonly deps: Deps;
  /** Ends steps that take long. */
  readonly signal?: AbortSignal | undefined;
  readonly workspace: string;
  readonly contract?: MetricContract | undefined;
  readonly platform?: Platform | undefined;
  readonly executor?: Executor | undefined;
  /** What is set of the platform, and whose programs run there by it. */
  readonly settings?: Settings | undefined;
  readonly program?: Program | undefined;
  /** What produces the figures, where the executor alone cannot say. */
  readonly engine?: string | undefined;
  readonly spec?: SpecFacts | undefined;
  readonly parameters: Parameters;
  /** What the plan of a live run says. */
  readonly planned?: Parameters | undefined;
  readonly images_dir?: string | undefined;
  readonly csvs: Readonly<Partial<Record<CsvRole, CsvFacts>>>;
  readonly pool?: PoolFacts | undefined;
  readonly generator?: GeneratorFacts | undefined;
  /** The Python environment that TAO runs from, on a platform that has one. */
  readonly environment?: EnvironmentFacts | undefined;
  /** What a container platform has; undefined on one that needs no container. */
  readonly host?: PlatformFacts | undefined;
  /** The images that this plan needs. */
  readonly containers?: Readonly<Partial<Record<ImageKey, ImageFacts>>> | undefined;
  /** The staged backbone, or where it will be and from what address. */
  readonly backbone?:
    | { readonly path: string; readonly sha256?: string; readonly fetch?: readonly string[] }
    | undefined;
  /** Local copy of the mining encoder. */
  readonly encoder?: string | undefined;
  /** Assets that a fix will fetch after approval, by URI. */
  readonly fetches: readonly string[];
  readonly sides?: Sides | undefined;
  /** Pairs of images that look like one, and how many images were too many to be looked at. */
  readonly twins?: TwinsFound | undefined;
  readonly adopts?: Readonly<Record<string, unknown>> | undefined;
  readonly runs: readonly FoundRun[];
  /** How fast this host was before, by platform. */
  readonly paces: Paces;
};

/** A finding as its step reports it, under the step's id and title unless it names others. */
export type StepCheck = Omit<Check, "id" | "title"> & Partial<Pick<Check, "id" | "title">>;

/** What one step of the preflight hands on. A step whose ground is missing reports nothing at all. */
export type Findings = {
  readonly checks?: readonly StepCheck[];
  readonly found?: Partial<Survey>;
  readonly missing?: readonly Missing[];
  readonly warnings?: readonly string[];
};

export type Step = { readonly id: string; readonly title: string; look(survey: Survey): Promise<Findings> };
