import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { trackRun } from "../../../server/tracking/export.ts";
import { metricsOf, paramsOf } from "../../../server/tracking/facts.ts";
import { aState } from "../../support/a-run.ts";

const opened: { closeAllConnections(): void; close(): void }[] = [];
afterEach(() => {
  for (const http of opened.splice(0)) {
    http.closeAllConnections();
    http.close();
  }
});

async function trackerThat(answers: RequestListener): Promise<string> {
  const http = createServer(answers);
  opened.push(http);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

const run = "/w/results/run_20261121_100000";
const track = (uri: string, env: Record<string, string> = {}) =>
  trackRun(run, aState(run), { DEFT_MLFLOW_TRACKING_URI: uri, ...env });

describe("a tracker", () => {
  it("that nobody named is not asked", async () => {
    expect(await trackRun(run, aState(run), {})).toBeUndefined();
  });

  it.each([
    ["is not there", () => "http://127.0.0.1:9"],
    ["is no URL", () => "sqlite:///mlflow.db"],
    ["is another service", () => trackerThat((_, response) => response.end("<html>"))],
    ["refuses", () => trackerThat((_, response) => response.writeHead(403).end('{"error_code":"PERMISSION_DENIED"}'))],
    ["hangs up", () => trackerThat((request) => request.socket.destroy())],
  ])("that %s is a warning", async (_name, uri) => {
    expect(await track(await uri())).toMatch(/^MLflow was not told of this run's figures \(/);
  });

  it("that never answers is given up", async () => {
    expect(await track(await trackerThat(() => undefined))).toMatch(/aborted|timeout/i);
  });

  it("gets the credentials that MLflow's own client would send, and no warning repeats them", async () => {
    const heard: (string | undefined)[] = [];
    const uri = await trackerThat((request, response) => {
      heard.push(request.headers.authorization);
      response.writeHead(401).end(JSON.stringify({ message: `not ${request.headers.authorization}` }));
    });
    const token = "a-token-for-the-tracker";
    const warnings = [await track(uri, { MLFLOW_TRACKING_TOKEN: token })];
    warnings.push(await track(uri, { MLFLOW_TRACKING_USERNAME: "u", MLFLOW_TRACKING_PASSWORD: "pass-of-u" }));
    expect(heard).toEqual([`Bearer ${token}`, `Basic ${Buffer.from("u:pass-of-u").toString("base64")}`]);
    expect(warnings.join()).not.toMatch(/a-token-for|pass-of-u|dTpwYXNz/);
  });
});

describe("what a tracker is told", () => {
  it("is every finite figure of the iterations that were scored, at their numbers", () => {
    const metric_result = {
      name: "far_pct",
      value: 4,
      unit: "%",
      threshold: 0.5,
      constraints: { recall_pct: 100 },
      counts: { tp: 9, fp: 1, tn: 24, fn: 0 },
      passed: false,
    };
    const scored = { status: "complete", far_pct: 4, val_loss: Number.NaN, metric_result } as const;
    const iterations = { baseline: scored, iter1: { status: "in_progress" }, iter2: scored } as never;
    const told = metricsOf(aState(run, { iterations }));
    expect(told.map(({ step }) => step)).toEqual([...Array(7).fill(0), ...Array(7).fill(2)]);
    expect(Object.fromEntries(told.slice(0, 7).map(({ key, value }) => [key, value]))).toEqual({
      far_pct: 4,
      metric_passed: 0,
      recall_pct: 100,
      tp: 9,
      fp: 1,
      tn: 24,
      fn: 0,
    });
  });

  it("is what was approved, and what decides the figures beside it", () => {
    const told = Object.fromEntries(paramsOf(aState(run)).map(({ key, value }) => [key, value]));
    expect(told).toMatchObject({
      platform: "embedded",
      engine: "test",
      seed: "1",
      kpi_target: "FAR < 1% at recall=99%",
    });
  });
});
