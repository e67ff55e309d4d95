const shared = {
  testEnvironment: "node",
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
  modulePathIgnorePatterns: ["<rootDir>/dist/"],
};

/** The whole soak fuzz-tests too, with more cases than every change gets, and takes its time. */
const wholeSoak = process.env.DEFT_SOAK === "full";
const matches = (name) => [name, ...(name === "soak" && wholeSoak ? ["fuzz"] : [])];

/** Suites that need more than Node; each has its own folder and its own npm script. */
const special = ["interop", "soak", "docker", "browser", "clients"];

export default {
  testTimeout: wholeSoak ? 3_600_000 : 60_000,
  projects: [
    {
      ...shared,
      displayName: "unit",
      testMatch: ["<rootDir>/test/**/*.test.ts"],
      testPathIgnorePatterns: special.map((name) => `<rootDir>/test/${name}/`),
    },
    ...special.map((name) => ({
      ...shared,
      displayName: name,
      testMatch: matches(name).map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
    })),
  ],
};
