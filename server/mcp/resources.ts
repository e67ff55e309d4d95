import { join } from "node:path";
import type { Resource } from "@modelcontextprotocol/sdk/types.js";
import { Refusal } from "../errors.ts";
import { kindOf, readText } from "../fs/read.ts";
import type { Deps } from "../ports/call.ts";
import { knownRuns } from "../preflight/known-runs.ts";
import { loadPending } from "../preflight/pending.ts";
import { type FoundRun, findRuns, runsAt } from "../preflight/unfinished.ts";
import { resolveWorkspace } from "../preflight/workspace.ts";
import { reportApp, reportAppMimeType, reportAppUri } from "../report/app.ts";
import { defined } from "../run/defined.ts";
import { runPaths, workspacePaths } from "../run/paths.ts";
import { redactor } from "../run/redact.ts";
import { NotOffered } from "./not-offered.ts";
import { listTopics, readTopic } from "./reference-topics.ts";

/** The files of a run that a client may read. */
const runParts = {
  state: { mimeType: "application/json", title: "State", path: (dir: string) => runPaths(dir).state },
  log: { mimeType: "application/jsonl", title: "Log", path: (dir: string) => runPaths(dir).log },
  report: { mimeType: "text/html", title: "Report", path: (dir: string) => runPaths(dir).report },
  best_model: { mimeType: "application/json", title: "Best model", path: (dir: string) => runPaths(dir).bestModel },
} as const;
type RunPart = keyof typeof runParts;

/** An image, in base64. */
type Picture = { readonly mimeType: string; readonly blob: string };

/** Families of resources by the form of their URI. */
export function resourceTemplates() {
  return [
    ...Object.entries(runParts).map(([part, { mimeType, title }]) => ({
      uriTemplate: `deft://run/{id}/${part}`,
      name: `run-${part}`,
      description: `${title} of a run of the workspace`,
      mimeType: mimeType as string,
    })),
    {
      uriTemplate: "deft://run/{id}/misjudged/{iteration}/{number}",
      name: "run-misjudged",
      description: "A part that an iteration misjudges, the worst first: golden, inspected and where they differ",
      mimeType: "image/jpeg",
    },
    {
      uriTemplate: "deft://plan/{id}",
      name: "plan",
      description: "A plan that waits for approval, whole",
      mimeType: "text/markdown",
    },
    {
      uriTemplate: "deft://reference/{topic}",
      name: "reference",
      description: "How this server works, by topic",
      mimeType: "text/markdown",
    },
  ];
}

/** What is behind a URI, without secrets. @throws NotOffered when there is nothing. */
export async function readResource(uri: string, deps: Deps) {
  const content = await read(uri, deps);
  if (content === undefined) {
    const known = uri.startsWith("deft://reference/") ? "; deft://reference lists the topics" : "";
    throw new NotOffered(`Resource ${uri} not found${known}`, uri);
  }
  return "blob" in content ? { uri, ...content } : { uri, ...content, text: redactor(deps.env)(content.text) };
}

/** The file of a run that a resource URI names; whether it is there is not looked at. */
export async function runFileOf(uri: string, deps: Deps): Promise<{ path: string; mimeType: string } | undefined> {
  const [, id, part] = /^deft:\/\/run\/(run_\d{8}_\d{6})\/(state|log|report|best_model)$/.exec(uri) ?? [];
  const runDir = await runDirOf(id, deps);
  if (runDir === undefined || part === undefined) return undefined;
  const { path, mimeType } = runParts[part as RunPart];
  return { path: path(runDir), mimeType };
}

/** Where the run of an id lies: a run of the workspace before one that is known elsewhere. */
async function runDirOf(id: string | undefined, deps: Deps): Promise<string | undefined> {
  if (id === undefined) return undefined;
  const workspace = await workspaceOf(deps);
  const here = workspace === undefined ? [] : await runsAt([join(workspacePaths(workspace).results, id)]);
  return (here[0] ?? (await knownRuns(deps, id))[0])?.run_dir;
}

/** The picture of a misjudged part that a URI names. */
async function misjudgedPart(uri: string, deps: Deps): Promise<Picture | undefined> {
  const [, id, iteration = "", number] =
    /^deft:\/\/run\/(run_\d{8}_\d{6})\/misjudged\/(baseline|iter\d{1,3})\/(\d{1,6})$/.exec(uri) ?? [];
  const runDir = await runDirOf(id, deps);
  if (runDir === undefined) return undefined;
  const { misjudgedPicture } = await import("../report/part-picture.ts");
  const blob = await misjudgedPicture(runDir, iteration, Number(number), deps);
  return blob === undefined ? undefined : { mimeType: "image/jpeg", blob };
}

/** Runs of the workspace, and those that this user's servers know elsewhere. */
async function allRuns(deps: Deps): Promise<{ workspace: string | undefined; here: FoundRun[]; known: FoundRun[] }> {
  const workspace = await workspaceOf(deps);
  const here = workspace === undefined ? [] : await findRuns(workspace, deps.env);
  const listed = new Set(here.map(({ run_dir }) => run_dir));
  return { workspace, here, known: (await knownRuns(deps)).filter(({ run_dir }) => !listed.has(run_dir)) };
}

/** What there is of a run: it has a report soon and a best model at its end. */
async function partsOf({ run_id, run_dir }: FoundRun): Promise<Resource[]> {
  const parts = Object.entries(runParts).map(async ([part, { mimeType, title, path }]) => {
    const resource = { uri: `deft://run/${run_id}/${part}`, name: `${run_id} ${part}`, mimeType };
    const isThere = part !== "best_model" || (await kindOf(path(run_dir))) === "file";
    return isThere ? [{ ...resource, description: `${title} of ${run_id}` }] : [];
  });
  return (await Promise.all(parts)).flat();
}

/** Runs that one answer lists; the files of some thousand would be megabytes. */
const runsAPage = 250;

/**
 * Runs of the workspace, the newest first, those known elsewhere, and with the first of them reference pages and the
 * report view; read from disk at each request. A cursor names the run that the page before ended with.
 *
 * @throws NotOffered for a cursor that names no run, or none any more.
 */
export async function listResources(
  deps: Deps,
  cursor?: string,
): Promise<{ resources: Resource[]; nextCursor?: string }> {
  const { here, known } = await allRuns(deps);
  const found = [...here.toReversed(), ...known.toReversed()];
  const last = cursor === undefined ? undefined : Buffer.from(cursor, "base64url").toString("utf8");
  const begin = last === undefined ? 0 : found.findIndex(({ run_dir }) => run_dir === last) + 1;
  if (last !== undefined && begin === 0) throw new NotOffered("No list of resources goes on there; list them anew");
  const page = found.slice(begin, begin + runsAPage);
  const files = (await Promise.all(page.map(partsOf))).flat();
  const end = begin + page.length < found.length ? page.at(-1)?.run_dir : undefined;
  return {
    resources: begin === 0 ? [runsResource, ...files, ...(await pagesListed())] : files,
    ...defined({ nextCursor: end && Buffer.from(end).toString("base64url") }),
  };
}

const runsResource: Resource = {
  uri: "deft://runs",
  name: "runs",
  description: "Runs of the workspace and of this user elsewhere",
  mimeType: "application/json",
};

async function pagesListed(): Promise<Resource[]> {
  const pages = (await listTopics()).map(({ topic, title }) => ({
    uri: `deft://reference/${topic}`,
    name: topic,
    description: title,
    mimeType: "text/markdown",
  }));
  const topics = { uri: "deft://reference", name: "topics", description: "Every topic that can be read here" };
  const view = { uri: reportAppUri, name: "report view", description: "A run's report inside a host with MCP Apps" };
  return [{ ...topics, mimeType: "text/markdown" }, ...pages, { ...view, mimeType: reportAppMimeType }];
}

async function read(
  uri: string,
  deps: Deps,
): Promise<{ mimeType: string; text: string; _meta?: Record<string, unknown> } | Picture | undefined> {
  if (uri === reportAppUri) return await reportApp();
  if (uri === "deft://runs") {
    const { workspace, here, known } = await allRuns(deps);
    return { mimeType: "application/json", text: JSON.stringify({ workspace, runs: [...here, ...known] }) };
  }
  if (/^deft:\/\/reference\/?$/.test(uri)) return { mimeType: "text/markdown", text: await topicsText() };
  if (uri.startsWith("deft://reference/")) {
    const text = await readTopic(uri.slice("deft://reference/".length));
    return text === undefined ? undefined : { mimeType: "text/markdown", text };
  }
  if (uri.startsWith("deft://plan/")) return await pendingPlan(uri.slice("deft://plan/".length), deps);
  const file = await runFileOf(uri, deps);
  if (file === undefined) return await misjudgedPart(uri, deps);
  try {
    return { mimeType: file.mimeType, text: await readText(file.path) };
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** What there is to read about this server, one topic a line. */
async function topicsText(): Promise<string> {
  const lines = (await listTopics()).map(({ topic, title }) => `- deft://reference/${topic}: ${title}`);
  return `# Topics\n\n${lines.join("\n")}\n`;
}

async function pendingPlan(planId: string, deps: Deps): Promise<{ mimeType: string; text: string } | undefined> {
  try {
    const { summary } = await loadPending(planId, deps);
    return summary === undefined ? undefined : { mimeType: "text/markdown", text: summary };
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

async function workspaceOf(deps: Deps): Promise<string | undefined> {
  try {
    return (await resolveWorkspace(undefined, deps)).workspace;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}
