import { existsSync, statfsSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

// Tests make and sync tens of thousands of small files: where there is room they lie in memory.
const memory = "/dev/shm";
if (process.env.TMPDIR === undefined && freeBytes(memory) > 6e9) process.env.TMPDIR = memory;
// What the test files of this run, and of it alone, share: features of equal images, and loops that take seconds to make.
process.env.DEFT_TEST_SHARED ??= join(tmpdir(), `deft-shared-${process.pid}`);

function freeBytes(path) {
  if (!existsSync(path)) return 0;
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

const shared = {
  testEnvironment: "<rootDir>/test/support/environment.mjs",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      {
        jsc: { target: "es2022", parser: { syntax: "typescript" }, experimental: { keepImportAttributes: true } },
        module: { type: "es6" },
      },
    ],
  },
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/packages/"],
};

/** The whole soak takes hours; everything else that waits five minutes waits in vain. */
const wholeSoak = process.env.DEFT_SOAK === "full";

const folders = ["interop", "docker", "slurm", "kubernetes", "browser", "clients", "soak"];
const inFolder = (name) => [`test/${name}/**/*.test.ts`];

/**
 * Proofs that need minutes, and OpenSSH for signed approvals, beside the journeys through real processes: every trick
 * against the gates, a failing disk at every write, keepers that are killed, owners that stall, trainings on OSMO, an
 * OpenID provider, a dozen replays. Beside each of them `npm test` keeps what proves its parts.
 */
const long = [
  "test/engine/training.test.ts",
  "test/red-team/catalogue.test.ts",
  "test/red-team/figures.test.ts",
  "test/red-team/mining.test.ts",
  "test/server/data/hostile-text.test.ts",
  "test/server/cli/osmo.test.ts",
  "test/server/durable/keeper.test.ts",
  "test/server/exec/second-process.test.ts",
  "test/server/import/layouts.test.ts",
  "test/server/import/mvtec.test.ts",
  "test/server/journal/failing-disk.test.ts",
  "test/server/journal/kills.test.ts",
  "test/server/journal/stalled-owner.test.ts",
  "test/server/loop/approval/signed.test.ts",
  "test/server/loop/approval/spelled-copies.test.ts",
  "test/server/loop/custody.test.ts",
  "test/server/loop/holdout.test.ts",
  "test/server/mcp/http-auth.test.ts",
  "test/server/loop/running/image-pins.test.ts",
  "test/server/platforms/host/executor.test.ts",
  "test/server/platforms/osmo/training.test.ts",
  "test/server/platforms/shell-job.test.ts",
  "test/server/stages/given-embeddings.test.ts",
  "test/server/trace/histories.test.ts",
  "test/server/trace/job-inputs.test.ts",
  "test/server/trace/large-tables.test.ts",
  "test/server/trace/mutations.test.ts",
  "test/server/trace/record.test.ts",
  "test/server/trace/replay.test.ts",
  "test/tools/osmo-run.test.ts",
];

/** Suites that `npm test` leaves to `npm run check` and to `.ci/run`; each has its own npm script. */
const special = {
  layers: ["test/layers.test.ts"],
  long: [...inFolder("journeys"), ...long],
  interop: inFolder("interop"),
  docker: inFolder("docker"),
  slurm: inFolder("slurm"),
  kubernetes: inFolder("kubernetes"),
  browser: inFolder("browser"),
  clients: inFolder("clients"),
  // What other suites do with a few cases the soak does with all.
  soak: [
    ...inFolder("soak"),
    ...inFolder("fuzz"),
    "test/server/data/{spreadsheet,decode/gray-levels}.test.ts",
    "test/server/journal/{heads,kills}.test.ts",
    "test/server/kpi/{mining-yield,sweep}.test.ts",
    "test/server/trace/mutations.test.ts",
  ],
};
const elsewhere = [...[...folders, "journeys", "fuzz"].map((name) => `test/${name}/`), "test/layers.test.ts", ...long];

export default {
  globalTeardown: "<rootDir>/test/support/teardown.mjs",
  testTimeout: wholeSoak ? 3_600_000 : 300_000,
  // Jest's own default leaves one of two cores idle.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  // Modules of earlier files are never given back; a heap of gigabytes is walked again and again.
  workerIdleMemoryLimit: "800MB",
  projects: [
    {
      ...shared,
      displayName: "unit",
      testMatch: ["<rootDir>/test/**/*.test.ts"],
      testPathIgnorePatterns: elsewhere.map((path) => `<rootDir>/${path}`),
    },
    ...Object.entries(special).map(([name, paths]) => ({
      ...shared,
      displayName: name,
      testMatch: paths.map((path) => `<rootDir>/${path}`),
    })),
  ],
};
