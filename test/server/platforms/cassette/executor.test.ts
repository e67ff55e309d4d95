import { expect, it } from "@jest/globals";
import { cassetteExecutor } from "../../../../server/platforms/cassette/executor.ts";
import type { Tape } from "../../../../server/run/tape.ts";

it("a run whose trainings went elsewhere is replayed with the same plan, one that stayed without", () => {
  const tape = (said: Record<string, string>) =>
    ({ answer: (_: string, call: string) => said[call], knows: (_: string, call: string) => call in said }) as Tape;
  const away = cassetteExecutor("docker", tape({ engine: "TAO", trains_on: "OSMO pool default" }));
  expect(away.trains_on).toBe("OSMO pool default");
  expect("trains_on" in cassetteExecutor("docker", tape({ engine: "TAO" }))).toBe(false);
});
