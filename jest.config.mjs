import { availableParallelism } from "node:os";

const shared = {
  testEnvironment: "<rootDir>/test/support/environment.mjs",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "es6" } },
    ],
  },
  modulePathIgnorePatterns: ["<rootDir>/dist/"],
};

const wholeSoak = process.env.DEFT_SOAK === "full";
const inFolder = (name) => [`test/${name}/**/*.test.ts`];

/** Suites that `npm test` leaves to `npm run check` and to `.ci/run`; each has its own npm script. */
const special = {
  layers: ["test/layers.test.ts"],
  interop: inFolder("interop"),
  docker: inFolder("docker"),
  browser: inFolder("browser"),
  clients: inFolder("clients"),
  // What `npm test` does with a few cases the soak does with all.
  soak: [...inFolder("soak"), ...inFolder("fuzz"), "test/server/trace/mutations.test.ts"],
};
const elsewhere = ["layers.test.ts", "interop/", "docker/", "browser/", "clients/", "soak/"];

export default {
  testTimeout: wholeSoak ? 3_600_000 : 300_000,
  // Jest's own default leaves one of two cores idle.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  projects: [
    {
      ...shared,
      displayName: "unit",
      testMatch: ["<rootDir>/test/**/*.test.ts"],
      testPathIgnorePatterns: elsewhere.map((path) => `<rootDir>/test/${path}`),
    },
    ...Object.entries(special).map(([name, paths]) => ({
      ...shared,
      displayName: name,
      testMatch: paths.map((path) => `<rootDir>/${path}`),
    })),
  ],
};
