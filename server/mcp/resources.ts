import type { Resource } from "@modelcontextprotocol/sdk/types.js";
import { Refusal } from "../errors.ts";
import { kindOf, readText } from "../fs/read.ts";
import type { Deps } from "../ports/call.ts";
import { knownRuns } from "../preflight/known-runs.ts";
import { loadPending } from "../preflight/pending.ts";
import { type FoundRun, findRuns } from "../preflight/unfinished.ts";
import { resolveWorkspace } from "../preflight/workspace.ts";
import { reportApp, reportAppMimeType, reportAppUri } from "../report/app.ts";
import { runPaths } from "../run/paths.ts";
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

async function runDirOf(id: string | undefined, deps: Deps): Promise<string | undefined> {
  return id === undefined ? undefined : (await allRuns(deps)).runs.find((run) => run.run_id === id)?.run_dir;
}

/** The picture of a misjudged part that a URI names. */
async function misjudgedPart(uri: string, deps: Deps): Promise<Picture | undefined> {
  const [, id, iteration = "", number] =
    /^deft:\/\/run\/(run_\d{8}_\d{6})\/misjudged\/(baseline|iter\d{1,2})\/(\d{1,6})$/.exec(uri) ?? [];
  const runDir = await runDirOf(id, deps);
  if (runDir === undefined) return undefined;
  const { misjudgedPicture } = await import("../report/part-picture.ts");
  const blob = await misjudgedPicture(runDir, iteration, Number(number), deps);
  return blob === undefined ? undefined : { mimeType: "image/jpeg", blob };
}

/** Runs of the workspace first, then those that this user's servers know elsewhere: a URI names its run by id alone. */
async function allRuns(deps: Deps): Promise<{ workspace: string | undefined; runs: FoundRun[] }> {
  const workspace = await workspaceOf(deps);
  const here = workspace === undefined ? [] : await findRuns(workspace);
  const known = (await knownRuns(deps)).filter((one) => here.every(({ run_dir }) => run_dir !== one.run_dir));
  return { workspace, runs: [...here, ...known] };
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

/** Runs of the workspace, reference pages and the report view; read from disk at each request. */
export async function listResources(deps: Deps): Promise<Resource[]> {
  const runs: Resource = {
    uri: "deft://runs",
    name: "runs",
    description: "Runs of the workspace and of this user elsewhere",
    mimeType: "application/json",
  };
  const { runs: found } = await allRuns(deps);
  const files = (await Promise.all(found.map(partsOf))).flat();
  const pages = (await listTopics()).map(({ topic, title }) => ({
    uri: `deft://reference/${topic}`,
    name: topic,
    description: title,
    mimeType: "text/markdown",
  }));
  const topics = { uri: "deft://reference", name: "topics", description: "Every topic that can be read here" };
  const view = { uri: reportAppUri, name: "report view", description: "A run's report inside a host with MCP Apps" };
  return [runs, ...files, { ...topics, mimeType: "text/markdown" }, ...pages, { ...view, mimeType: reportAppMimeType }];
}

async function read(
  uri: string,
  deps: Deps,
): Promise<{ mimeType: string; text: string; _meta?: Record<string, unknown> } | Picture | undefined> {
  if (uri === reportAppUri) return await reportApp();
  if (uri === "deft://runs") {
    return { mimeType: "application/json", text: JSON.stringify(await allRuns(deps)) };
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
