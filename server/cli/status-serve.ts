import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileFacts, listNames } from "../fs/read.ts";
import { renderPage } from "../report/html.ts";
import { load, type ReportDeps } from "../report/load.ts";
import type { RunningStage } from "../report/model.ts";
import { readTemplates } from "../report/templates.ts";
import { runPaths } from "../run/paths.ts";
import { exitOk } from "./frame.ts";
import { type CliIo, tell } from "./io.ts";

const lookEveryMs = 1000;
const keepAliveMs = 15_000;

export type LiveOptions = ReportDeps & {
  /** 0 takes a free port. */
  readonly port?: number;
  /** What runs at the moment, for the headline. */
  readonly running?: () => Promise<RunningStage | undefined>;
};

/** A page on this machine that follows one run; closing it ends every open connection. */
export type LivePage = { readonly url: string; close(): Promise<void> };

/**
 * `deft-mcp status --serve`: shows the report of a run while it goes on, on loopback only, until the process is
 * stopped. Reads the run and changes nothing.
 */
export async function serveStatus(runDir: string, io: CliIo, options: LiveOptions): Promise<number> {
  const page = await openLivePage(runDir, options);
  tell(io, io.stdout, `${page.url}\nFollows ${runDir}; stop with Ctrl-C.\n`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
  await page.close();
  return exitOk;
}

/** Starts the page. Every look that finds the run's files changed sends one `changed` event to each reader. */
export async function openLivePage(runDir: string, options: LiveOptions): Promise<LivePage> {
  const readers = new Set<ServerResponse>();
  const templates = await readTemplates();
  const page = async () => {
    const running = await options.running?.();
    const model = await load(runDir, options);
    return renderPage(running === undefined ? model : { ...model, running }, templates, "live");
  };
  // Other users of this machine reach its ports too; only who was given the URL knows the way in.
  const base = `/${randomBytes(18).toString("base64url")}/`;
  const first = await fingerprint(runDir, options);
  const server = createServer((request, response) => {
    answer(request, response, base, readers, page).catch((error: unknown) => {
      response.writeHead(500, plainText).end(error instanceof Error ? error.message : "defect");
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const stop = watch(runDir, options, readers, first);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`,
    async close() {
      stop();
      for (const reader of readers) reader.end();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const plainText = { "content-type": "text/plain; charset=utf-8" };
const stream = { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" };
const html = { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" };
const changed = "event: changed\ndata: {}\n\n";
const guarded = { "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "x-frame-options": "DENY" };

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  base: string,
  readers: Set<ServerResponse>,
  page: () => Promise<string>,
): Promise<void> {
  // A name that someone else's DNS points at loopback must not make a browser hand the page to another site.
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? "")) {
    response.writeHead(403, plainText).end("This page answers to 127.0.0.1 and localhost only.\n");
    return;
  }
  if (request.method !== "GET") {
    response.writeHead(405, { ...plainText, allow: "GET" }).end("This page can be read, nothing else.\n");
    return;
  }
  const path = request.url?.split("?")[0];
  if (path === base) response.writeHead(200, { ...html, ...guarded }).end(await page());
  else if (path === `${base}events`) {
    // The run may have moved on since this reader's page was rendered.
    response.writeHead(200, stream).write(`retry: 2000\n\n${changed}`);
    readers.add(response);
    response.on("close", () => readers.delete(response));
  } else response.writeHead(404, plainText).end("This page is at the URL that was printed, token and all.\n");
}

function watch(runDir: string, options: LiveOptions, readers: ReadonlySet<ServerResponse>, first: string): () => void {
  let last = first;
  let spoken = 0;
  let looking = false;
  const look = async () => {
    const now = await fingerprint(runDir, options);
    if (now !== last) {
      for (const reader of readers) reader.write(changed);
      spoken = performance.now();
    } else if (performance.now() - spoken > keepAliveMs) {
      for (const reader of readers) reader.write(": still here\n\n");
      spoken = performance.now();
    }
    last = now;
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch(() => undefined)
      .finally(() => {
        looking = false;
      });
  }, lookEveryMs);
  return () => clearInterval(timer);
}

/** What changes when anything that the page shows changes: state, log, job records and the running stage. */
async function fingerprint(runDir: string, { running }: LiveOptions): Promise<string> {
  const paths = runPaths(runDir);
  const jobs = (await listNames(paths.jobs)).map((name) => join(paths.jobs, name));
  const facts = await Promise.all([paths.state, paths.log, ...jobs].map(fileFacts));
  return JSON.stringify([facts.map((fact) => fact && [fact.mtime_ms, fact.size_bytes]), await running?.()]);
}
