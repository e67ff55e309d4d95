import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { assertApproved } from "../../../../server/loop/approval/approval-state.ts";
import { type ConsentRequest, obtainConsent } from "../../../../server/loop/approval/consent.ts";
import type { Call } from "../../../../server/ports/call.ts";
import type { RunState } from "../../../../server/run/state.ts";
import { testDeps } from "../../../support/a-run.ts";
import { folderOfFile } from "../../../support/folder.ts";
import { refusalOf } from "../../../support/refusal.ts";

const folder = folderOfFile();
const request: ConsentRequest = {
  act: "start",
  title: "Approve plan aa",
  message: "the plan",
  terminalCommand: "deft-mcp approve aa",
  preauthorised: false,
  shown: false,
  subject: "aa",
};

/** Signs what a refusal asks to be signed, with the very command that it names. */
function sign(command: string, key: string): string {
  return execFileSync("sh", ["-c", command.replace("-f KEY", `-f ${join(folder.path, key)}`)], {
    stdio: "pipe",
  }).toString();
}

beforeAll(() => {
  for (const name of ["alice", "mallory"]) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(folder.path, name)]);
  }
  const key = execFileSync("cat", [join(folder.path, "alice.pub")]).toString();
  writeFileSync(join(folder.path, "approvers"), `alice@plant namespaces="deft-mcp" ${key}`);
});

function aCall(env: Record<string, string> = {}): Call {
  return {
    deps: testDeps({ env: { PATH: process.env.PATH ?? "", DEFT_APPROVERS: join(folder.path, "approvers"), ...env } }),
    signal: new AbortController().signal,
    client: "test 1",
    connection: { shownPlans: new Set(), notes: new Map() },
    progress() {},
    human: { canAsk: true, ask: async () => ({ action: "accept", content: { approve: true } }) },
  };
}

async function asked(change: Partial<ConsentRequest> = {}): Promise<string> {
  const refusal = await refusalOf(() => obtainConsent({ ...request, ...change }, aCall()));
  expect(refusal.code).toBe("approval.signature-missing");
  return String(refusal.facts.sign_command);
}

describe("where approvals are signed", () => {
  it("neither a click, nor words, nor a preauthorisation is one", async () => {
    for (const change of [{}, { words: "yes", shown: true }, { preauthorised: true }]) await asked(change);
  });

  it("the signature of an allowed signer is, and its owner is recorded", async () => {
    const words = sign(await asked(), "alice");
    const consent = await obtainConsent({ ...request, words }, aCall());
    expect(consent).toEqual({ how: "signed", signer: "alice@plant", signature: words.trim(), client: "test 1" });
  });

  it("that of anybody else, of another act, or of another subject is none", async () => {
    const [own, other] = [sign(await asked(), "mallory"), sign(await asked({ subject: "bb" }), "alice")];
    for (const words of [own, other, "-----BEGIN SSH SIGNATURE-----\nx"]) {
      expect((await refusalOf(() => obtainConsent({ ...request, words }, aCall()))).code).toBe(
        "approval.signature-invalid",
      );
    }
    const words = sign(await asked(), "alice");
    const another = { ...request, title: "Accept the finding as it stands", words };
    expect((await refusalOf(() => obtainConsent(another, aCall()))).code).toBe("approval.signature-invalid");
  });

  it("a run that a server without approvers created is not continued", async () => {
    const { signature } = await obtainConsent({ ...request, words: sign(await asked(), "alice") }, aCall());
    const run = (approval: object) =>
      ({
        plan: { plan_id: "aa" },
        results_dir: folder.path,
        approvals: [{ plan_id: "aa", at: "", ...approval }],
      }) as never as RunState;
    const refused = await refusalOf(() => assertApproved(run({ how: "elicited" }), aCall().deps));
    expect(refused.code).toBe("approval.signature-missing");
    const forged = await refusalOf(() => assertApproved(run({ how: "signed", signer: "alice@plant" }), aCall().deps));
    expect(forged.code).toBe("approval.signature-missing");
    await assertApproved(run({ how: "signed", signature }), aCall().deps);
  });

  it("no signature is believed without the file of signers", async () => {
    const words = sign(await asked(), "alice");
    const nowhere = aCall({ DEFT_APPROVERS: join(folder.path, "nowhere") });
    expect((await refusalOf(() => obtainConsent({ ...request, words }, nowhere))).code).toBe("approval.no-verifier");
  });
});
