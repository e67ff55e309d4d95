import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { membersOf } from "../../../../server/run/record.ts";
import type { Elicited } from "../../../support/memory-client.ts";
import { modernClient, modernWire, type Told } from "../../../support/modern-client.ts";
import { type TinyLoop, tinyLoop, tinyRequest } from "../../../support/tiny-loop.ts";

let loop: TinyLoop;
const opened: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  loop = await tinyLoop("created");
});
beforeEach(() => loop.backTo("planned"));
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
afterAll(() => loop.remove());

/** A client whose human answers. */
async function asking(answer: (message: string) => Elicited) {
  const client = await modernClient(loop.deps(), { answer });
  opened.push(client);
  return client;
}

const forms = { elicitation: { form: {} } };

/** A server of its own, asked by hand. */
async function wire(capabilities: Record<string, unknown> = forms, env: Record<string, string> = {}) {
  const one = await modernWire(loop.deps(env), capabilities);
  opened.push(one);
  return one;
}

type Again = { requestState?: unknown; inputResponses?: Record<string, unknown> };
type Wire = Awaited<ReturnType<typeof wire>>;
const approve = (
  one: Wire,
  again: Again = {},
  args: Record<string, unknown> = { plan_id: loop.planId },
): Promise<Told> => one.ask("tools/call", { name: "approve_plan", arguments: args, ...again });

const yes = { answer: { action: "accept", content: { approve: true } } };
const refused = { code: -32602, message: "Invalid or expired requestState" };

describe("a human's yes without a handshake", () => {
  it("comes by a round trip, and the run is created", async () => {
    const asked: string[] = [];
    const client = await asking((message) => {
      asked.push(message);
      return { action: "accept", content: { approve: true } };
    });
    const approved = await client.callTool({ name: "approve_plan", arguments: { plan_id: loop.planId } });
    expect(approved.structuredContent).toMatchObject({ approved: "elicited", next_action: "run_stage baseline train" });
    expect(asked).toEqual([expect.stringContaining("FAR < 0.001%")]);
  });

  it.each([
    ["decline", "approval.declined"],
    ["cancel", "approval.no-human"],
  ] as const)("is not what a %s is", async (action, code) => {
    const client = await asking(() => ({ action }));
    const answered = await client.callTool({ name: "approve_plan", arguments: { plan_id: loop.planId } });
    const text = expect.stringMatching(new RegExp(`^${code}: `));
    expect(answered).toMatchObject({ isError: true, content: [{ text }] });
  });

  it("holds for the plan that was shown and for no other, and only once", async () => {
    const one = await wire();
    const asked = await approve(one);
    expect(asked.result).toMatchObject({
      resultType: "input_required",
      inputRequests: { answer: { method: "elicitation/create" } },
    });
    const answered = { requestState: asked.result?.requestState, inputResponses: yes };
    const planned = await one.ask("tools/call", {
      name: "preflight",
      arguments: { ...tinyRequest, max_iterations: 3 },
    });
    const { plan_id } = membersOf(planned.result?.structuredContent);
    expect((await approve(one, answered, { plan_id })).error).toMatchObject(refused);
    // What was tried for another plan does not spend what was given for this one.
    expect((await approve(one, answered)).result).toMatchObject({ structuredContent: { approved: "elicited" } });
    expect((await approve(one, answered)).error).toMatchObject(refused);
  });

  it("is not given by an answer without our seal, nor under a seal that was touched", async () => {
    const one = await wire();
    const bare = await approve(one, { inputResponses: yes });
    expect(bare.result).toMatchObject({ resultType: "input_required" });
    const touched = `${String(bare.result?.requestState).slice(0, -2)}AA`;
    expect((await approve(one, { requestState: touched, inputResponses: yes })).error).toMatchObject(refused);
  });

  it("can be taken up by another process of the same user, and by no other user's", async () => {
    const { result } = await approve(await wire());
    const answered = { requestState: result?.requestState, inputResponses: yes };
    const home = join(loop.home, "other");
    await mkdir(home, { recursive: true });
    const plans = ["state", "deft-mcp", "plans"];
    await cp(join(loop.home, ...plans), join(home, ...plans), { recursive: true });
    const other = await wire(forms, { HOME: home, XDG_STATE_HOME: join(home, "state") });
    expect((await approve(other, answered)).error).toMatchObject(refused);
    expect((await approve(await wire(), answered)).result).toMatchObject({
      structuredContent: { approved: "elicited" },
    });
  });

  it("is relayed in words where the client shows no forms, in the connection that showed the plan", async () => {
    const one = await wire({});
    const words = { plan_id: loop.planId, words: "yes" };
    expect((await approve(one, {}, words)).result?.content[0]?.text).toMatch(/^approval\.required: /);
    expect((await approve(one, {}, words)).result).toMatchObject({ structuredContent: { approved: "relayed" } });
  });
});
