import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { Client } from "@modelcontextprotocol/client";
import { modernClient } from "../../../support/modern-client.ts";
import { type TinyLoop, tinyLoop, tinyRequest } from "../../../support/tiny-loop.ts";

let loop: TinyLoop;
const clients: Client[] = [];
beforeAll(async () => {
  loop = await tinyLoop("created");
});
beforeEach(() => loop.backTo("planned"));
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});
afterAll(() => loop.remove());

async function open(options: Parameters<typeof modernClient>[1], env: Record<string, string> = {}): Promise<Client> {
  const client = await modernClient(loop.deps(env), options);
  clients.push(client);
  return client;
}

type Round = { requestState?: string; inputResponses?: Record<string, unknown> };
type Answered = { content: { text: string }[]; isError?: boolean; structuredContent?: Record<string, unknown> };

/** One round of a call, its questions left to the caller. */
async function round(client: Client, name: string, args: object, again: Round = {}) {
  const params = { name, arguments: args as Record<string, unknown>, ...again } as Parameters<Client["callTool"]>[0];
  return (await client.callTool(params, { allowInputRequired: true })) as unknown as Answered &
    Required<Round> & {
      inputRequests?: Record<string, { method: string; params: { message: string } }>;
    };
}

const yes = { answer: { action: "accept", content: { approve: true } } };

/** A second plan of the same workspace. */
async function anotherPlan(client: Client): Promise<string> {
  const planned = await round(client, "preflight", { ...tinyRequest, max_iterations: 3 });
  return String(planned.structuredContent?.plan_id);
}

describe("a human's yes without a handshake", () => {
  it("comes by a round trip, and the run is created", async () => {
    const asked: string[] = [];
    const client = await open({
      answer: (message) => {
        asked.push(message);
        return { action: "accept", content: { approve: true } };
      },
    });
    const approved = await round(client, "approve_plan", { plan_id: loop.planId });
    expect(approved.structuredContent).toMatchObject({ approved: "elicited", next_action: "run_stage baseline train" });
    expect(asked).toEqual([expect.stringContaining("FAR < 0.001%")]);
  });

  it.each([
    ["decline", "approval.declined"],
    ["cancel", "approval.no-human"],
  ] as const)("is not what a %s is", async (action, code) => {
    const client = await open({ answer: () => ({ action }) });
    const { isError, content } = await round(client, "approve_plan", { plan_id: loop.planId });
    expect([isError, content[0]?.text]).toEqual([true, expect.stringMatching(new RegExp(`^${code}: `))]);
  });

  it("holds for the plan that was shown and for no other, and only once", async () => {
    const client = await open({ manual: true });
    const { requestState, inputRequests } = await round(client, "approve_plan", { plan_id: loop.planId });
    expect(inputRequests).toMatchObject({ answer: { method: "elicitation/create" } });
    const answered = { requestState, inputResponses: yes };
    const plan_id = await anotherPlan(client);
    await expect(round(client, "approve_plan", { plan_id }, answered)).rejects.toThrow(
      "Invalid or expired requestState",
    );
    // What was tried for another plan is spent.
    await expect(round(client, "approve_plan", { plan_id: loop.planId }, answered)).rejects.toThrow("requestState");
    const again = await round(client, "approve_plan", { plan_id: loop.planId });
    const approved = { requestState: again.requestState, inputResponses: yes };
    expect((await round(client, "approve_plan", { plan_id: loop.planId }, approved)).isError).toBeUndefined();
    await expect(round(client, "approve_plan", { plan_id: loop.planId }, approved)).rejects.toThrow("requestState");
  });

  it("is not given by an answer without our seal, nor under a seal that was touched", async () => {
    const client = await open({ manual: true });
    const bare = await round(client, "approve_plan", { plan_id: loop.planId }, { inputResponses: yes });
    expect(bare.requestState).toEqual(expect.any(String));
    const touched = { requestState: `${bare.requestState.slice(0, -2)}AA`, inputResponses: yes };
    await expect(round(client, "approve_plan", { plan_id: loop.planId }, touched)).rejects.toThrow("requestState");
  });

  it("can be taken up by another process of the same user", async () => {
    const before = await open({ manual: true });
    const { requestState } = await round(before, "approve_plan", { plan_id: loop.planId });
    await before.close();
    const after = await open({ manual: true });
    const answered = { requestState, inputResponses: yes };
    const approved = await round(after, "approve_plan", { plan_id: loop.planId }, answered);
    expect(approved.structuredContent).toMatchObject({ approved: "elicited" });
  });

  it("is nothing to a server of another user", async () => {
    const client = await open({ manual: true });
    const { requestState } = await round(client, "approve_plan", { plan_id: loop.planId });
    const home = join(loop.home, "other");
    await mkdir(home, { recursive: true });
    await cp(join(loop.home, "state", "deft-mcp", "plans"), join(home, "state", "deft-mcp", "plans"), {
      recursive: true,
    });
    const other = await open({ manual: true }, { HOME: home, XDG_STATE_HOME: join(home, "state") });
    const answered = { requestState, inputResponses: yes };
    await expect(round(other, "approve_plan", { plan_id: loop.planId }, answered)).rejects.toThrow("requestState");
  });

  it("is relayed in words where the client shows no forms, in the connection that showed the plan", async () => {
    const client = await open({});
    const unseen = await round(client, "approve_plan", { plan_id: loop.planId, words: "yes" });
    expect(unseen.content[0]?.text).toMatch(/^approval\.required: /);
    const approved = await round(client, "approve_plan", { plan_id: loop.planId, words: "yes" });
    expect(approved.structuredContent).toMatchObject({ approved: "relayed" });
  });
});
