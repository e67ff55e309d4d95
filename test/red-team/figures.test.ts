import { afterAll, beforeAll, describe } from "@jest/globals";
import { type TinyLoop, tinyLoop } from "../support/tiny-loop.ts";
import { type Tried, trickery } from "./scene.ts";
import { figureTricks } from "./tricks/figures.ts";

let loop: TinyLoop;
const tried: Tried[] = [];

beforeAll(async () => {
  // A target that the baseline meets: the claim is what these tricks are after.
  loop = await tinyLoop("baseline-evaluate", { kpi_target: "FAR <= 100% at recall=100%" });
}, 600_000);

afterAll(() => loop?.remove());

describe("figures", () => figureTricks(trickery(() => loop, tried)));
