import { describe, expect, it } from "@jest/globals";
import { kubeFailure, says } from "../../../../server/platforms/kubernetes/errors.ts";

const rows: [string, string, string, string][] = [
  [
    "away",
    "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?",
    "executor.cluster-unreachable",
    "away",
  ],
  [
    "away",
    "Unable to connect to the server: dial tcp: lookup api.lab on 10.0.0.2:53: no such host",
    "executor.cluster-unreachable",
    "away",
  ],
  [
    "busy",
    "Error from server (TooManyRequests): the server has received too many requests",
    "executor.cluster-unreachable",
    "away",
  ],
  [
    "starting",
    "Error from server (ServiceUnavailable): the server is currently unable to handle the request",
    "executor.cluster-unreachable",
    "away",
  ],
  ["401", "error: You must be logged in to the server (Unauthorized)", "executor.cluster-unreachable", "login"],
  [
    "no plugin",
    "Unable to connect to the server: getting credentials: exec: executable aws not found",
    "executor.cluster-unreachable",
    "login",
  ],
  [
    "no right",
    'Error from server (Forbidden): jobs.batch is forbidden: User "a" cannot create resource "jobs" in API group "batch" in the namespace "aoi"',
    "executor.cluster-refused",
    "rights",
  ],
  [
    "quota",
    'Error from server (Forbidden): jobs.batch "x" is forbidden: exceeded quota: jobs, requested: 1, used: 1, limited: 1',
    "executor.cluster-refused",
    "quota",
  ],
  [
    "policy",
    'Error from server (Forbidden): pods "x" is forbidden: violates PodSecurity "restricted:latest"',
    "executor.cluster-refused",
    "policy",
  ],
  [
    "webhook",
    'Error from server: admission webhook "gate.site" denied the request: no queue',
    "executor.cluster-refused",
    "policy",
  ],
  ["namespace", 'Error from server (NotFound): namespaces "aoi" not found', "executor.cluster-refused", "namespace"],
  ["context", 'error: context "lab" does not exist', "executor.cluster-refused", "context"],
  [
    "invalid",
    'The Job "x" is invalid: spec.template.spec.containers[0].resources: Invalid value: "x"',
    "executor.cluster-refused",
    "invalid",
  ],
  ["something else", "error: teapot", "executor.cluster-refused", "other"],
];

describe("what kubectl says", () => {
  it.each(rows)("%s: %s", (_, stderr, code, cause) => {
    expect(kubeFailure("kubectl", stderr)).toMatchObject({ code, facts: { cause } });
  });

  it("tells an absent object from an absent namespace", () => {
    expect(says.absent('Error from server (NotFound): jobs.batch "x" not found')).toBe(true);
    expect(says.absent('Error from server (NotFound): namespaces "x" not found')).toBe(false);
    expect(says.exists('Error from server (AlreadyExists): jobs.batch "x" already exists')).toBe(true);
  });

  it("repeats the cluster's words without secrets and without the log of the client library", () => {
    const stderr = "E1127 01:02:03.000000 1 memcache.go:265] boom\nerror: bad Authorization: Bearer abcdefghijklmnop";
    expect(kubeFailure("kubectl get", stderr).facts.kubernetes).toBe("error: bad Authorization: Bearer [redacted]");
  });
});
