import { mkdir, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe } from "@jest/globals";
import { type TinyLoop, tinyLoop } from "../support/tiny-loop.ts";
import { type Tried, trickery } from "./scene.ts";
import { acceptanceTricks } from "./tricks/acceptance.ts";
import { approvalTricks } from "./tricks/approval.ts";
import { evidenceTricks } from "./tricks/evidence.ts";
import { integrityTricks } from "./tricks/integrity.ts";
import { leakageTricks } from "./tricks/leakage.ts";
import { pathTricks } from "./tricks/paths.ts";
import { quotingTricks } from "./tricks/quoting.ts";
import { secretTricks } from "./tricks/secrets.ts";
import { stopTricks } from "./tricks/stops.ts";

let loop: TinyLoop;
const tried: Tried[] = [];
const trick = trickery(() => loop, tried);

beforeAll(async () => {
  // The vendor's rule runs every job that a trick can get at; mining.test.ts is about the default rule.
  loop = await tinyLoop("iter1-rca", { mining: "vendor" });
}, 600_000);

afterAll(async () => {
  await loop?.remove();
  // The gate prints this table; without its wish the catalogue is a suite like any other.
  const report = process.env.DEFT_RED_TEAM_REPORT;
  if (report === undefined) return;
  const missed = tried.filter(({ outcome }) => outcome === "missed").map(({ trick: name }) => name);
  const table = { tried: tried.length, caught: tried.length - missed.length, missed, tricks: tried };
  await mkdir(report.slice(0, report.lastIndexOf("/")) || "/", { recursive: true });
  await writeFile(report, `${JSON.stringify(table, null, 2)}\n`);
});

describe("acceptance", () => acceptanceTricks(trick));
describe("approval", () => approvalTricks(trick));
describe("evidence", () => evidenceTricks(trick));
describe("integrity", () => integrityTricks(trick));
describe("leakage", () => leakageTricks(trick));
describe("paths", () => pathTricks(trick));
describe("quoting", () => quotingTricks(trick));
describe("secrets", () => secretTricks(trick));
describe("stops and endings", () => stopTricks(trick));
