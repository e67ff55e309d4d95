const shared = {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "es6" } },
    ],
  },
  modulePathIgnorePatterns: ["<rootDir>/dist/"],
};

/** Suites that need more than Node; each has its own folder and its own npm script. */
const special = ["interop", "soak", "docker", "browser", "clients"];

export default {
  testTimeout: 60_000,
  projects: [
    {
      ...shared,
      displayName: "unit",
      testMatch: ["<rootDir>/test/**/*.test.ts"],
      testPathIgnorePatterns: special.map((name) => `<rootDir>/test/${name}/`),
    },
    ...special.map((name) => ({ ...shared, displayName: name, testMatch: [`<rootDir>/test/${name}/**/*.test.ts`] })),
  ],
};
