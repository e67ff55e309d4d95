import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { z } from "zod";
import { tools } from "../../tools/index.ts";
import { boardsIn, killRunningJob, logOf, shortLoop, stateOf } from "../support/board-run.ts";
import { type Connection, connect, type HumanAnswer } from "../support/built-server.ts";
import { temporaryFolders } from "../support/folder.ts";
import { type Person, readSkill, unfounded, work } from "../support/scripted-agent.ts";

const newFolder = temporaryFolders();
const course = ["train", "evaluate", "rca", "routing", "anomalygen", "data_mining", "data_merge", "train", "evaluate"];
let home: string;
let workspace: string;

beforeEach(async () => {
  home = await newFolder();
  workspace = await boardsIn(home);
});

/** Someone who names the target, is asked for the rest, and repairs what stops the loop. */
const person: Person = {
  said: { kpi_target: shortLoop.kpi_target, seed: shortLoop.seed },
  answer: (field) => ({ max_iterations: 1, platform: "embedded" })[field],
  decide: (heard) => (heard.startsWith("deft-mcp approve") ? "plan again" : "repaired"),
  words: "yes, run it as shown",
};

function open(answer?: (message: string) => HumanAnswer): Promise<Connection> {
  return connect({ home, env: { DEFT_WORKSPACE: workspace }, ...(answer ? { answer } : {}) });
}

async function onlyRun(): Promise<string> {
  const [name, ...more] = await readdir(join(workspace, "results"));
  expect(more).toEqual([]);
  return join(workspace, "results", String(name));
}

describe("an agent that knows only the skill and what the tools answer", () => {
  it("stands on sentences that the skill has", async () => {
    expect(unfounded(await readSkill())).toEqual([]);
  });

  it("comes to the end of the loop in a client that cannot ask, and asks nothing after the approval", async () => {
    const { asked, calls, bytes, end } = await work(() => open(), person);
    expect(asked.map(({ after }) => after)).toEqual(["preflight", "approve_plan"]);
    expect(calls.filter((name) => name !== "run_stage")).toEqual([
      ...["preflight", "preflight", "approve_plan", "approve_plan"],
      "finish_loop",
    ]);
    expect(end).toMatch(/^Finished \(max_iterations\): .*FAR/);
    const shown = tools.map(({ name, description, input }) => [name, description, z.toJSONSchema(input)]);
    const tokens = (bytes + JSON.stringify(shown).length + (await readSkill()).length) / 4;
    expect(tokens).toBeLessThan(9000);
    const run = await onlyRun();
    expect((await logOf(run)).map(({ stage }) => stage)).toEqual([...course, "loop_stop"]);
    expect(await stateOf(run)).toMatchObject({
      status: "complete",
      approvals: [{ how: "relayed", words: person.words }],
    });
  });

  it("comes there too after a denied approval, a killed training and a killed server", async () => {
    let approvals = 0;
    let stages = 0;
    const human = (): HumanAnswer => {
      approvals += 1;
      return approvals === 1 ? { action: "decline" } : { action: "accept", content: { approve: true } };
    };
    const unlucky = async (): Promise<Connection> => {
      const server = await open(human);
      const result = async (name: string, args: Record<string, unknown> = {}) => {
        const answer = server.result(name, args);
        if (name !== "run_stage") return await answer;
        stages += 1;
        if (stages === 1) await killRunningJob(await onlyRun());
        if (stages === 4) await Promise.all([server.kill(), answer.catch(() => undefined)]);
        return await answer;
      };
      return { ...server, result };
    };
    const { asked, calls, end } = await work(unlucky, person);
    // The question, the declined approval and the stop: the approval that held was asked by the server itself.
    expect(asked.map(({ after }) => after)).toEqual(["preflight", "approve_plan", "loop_status"]);
    expect(asked[1]?.text).toMatch(/^deft-mcp approve [0-9a-f]+$/);
    expect(asked[2]?.text).toContain("executor.lost-job");
    expect(calls.filter((name) => name === "acknowledge_stop")).toHaveLength(1);
    expect(calls.filter((name) => name === "loop_status")).toHaveLength(2);
    expect(end).toMatch(/^Finished \(max_iterations\): /);
    const run = await onlyRun();
    expect((await logOf(run)).map(({ stage }) => stage)).toEqual(["train", ...course, "loop_stop"]);
    expect((await stateOf(run)).approvals).toMatchObject([{ how: "elicited" }]);
  });
});
