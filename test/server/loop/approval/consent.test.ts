import { describe, expect, it } from "@jest/globals";
import { type ConsentRequest, obtainConsent } from "../../../../server/loop/approval/consent.ts";
import type { Answer, Call } from "../../../../server/ports/call.ts";
import { testDeps } from "../../../support/a-run.ts";
import { refusalOf } from "../../../support/refusal.ts";

const request: ConsentRequest = {
  title: "Approve plan aa",
  message: "the plan",
  terminalCommand: "deft-mcp approve aa",
  preauthorised: false,
  shown: true,
  act: "start",
};

function aCall(answer: Answer | undefined, env: Record<string, string> = {}): Call {
  return {
    deps: testDeps({ env }),
    signal: new AbortController().signal,
    client: "test 1",
    connection: { shownPlans: new Set(), notes: new Map() },
    progress() {},
    human: { canAsk: answer !== undefined, ask: async () => answer ?? { action: "cancel" } },
  };
}

const accept: Answer = { action: "accept", content: { approve: true } };

describe("consent", () => {
  it("is elicited when the client can ask and the human accepts", async () => {
    expect(await obtainConsent(request, aCall(accept))).toEqual({ how: "elicited", client: "test 1" });
  });

  const noes: [string, Answer, string][] = [
    ["declines", { action: "decline" }, "approval.declined"],
    ["accepts the form without ticking it", { action: "accept", content: { approve: false } }, "approval.declined"],
    ["accepts with another field", { action: "accept", content: { yes: true } }, "approval.declined"],
    ["cancels", { action: "cancel" }, "approval.no-human"],
  ];
  it.each(noes)("is refused when the human %s, even with words at hand", async (_name, answer, code) => {
    const refusal = await refusalOf(() => obtainConsent({ ...request, words: "go ahead" }, aCall(answer)));
    expect(refusal.code).toBe(code);
    expect(refusal.facts).toEqual({ terminal_command: "deft-mcp approve aa" });
  });

  it("is relayed in the human's own words when the client cannot ask", async () => {
    const consent = await obtainConsent({ ...request, words: "looks good" }, aCall(undefined));
    expect(consent).toEqual({ how: "relayed", words: "looks good", client: "test 1" });
  });

  const relays: [string, Partial<ConsentRequest>, Record<string, string>, string][] = [
    ["without words", {}, {}, "approval.words-missing"],
    ["with blank words", { words: "  " }, {}, "approval.words-missing"],
    ["for what was not shown in this connection", { words: "go", shown: false }, {}, "approval.required"],
    ["where the operator forbids it", { words: "go" }, { DEFT_APPROVAL: "human" }, "approval.no-human"],
  ];
  it.each(relays)("is not relayed %s", async (_name, patch, env, code) => {
    const refusal = await refusalOf(() => obtainConsent({ ...request, ...patch }, aCall(undefined, env)));
    expect(refusal.code).toBe(code);
  });

  it("is taken from the operator's preauthorisation without asking", async () => {
    const consent = await obtainConsent({ ...request, preauthorised: true }, aCall({ action: "decline" }));
    expect(consent.how).toBe("preauthorised");
  });
});
