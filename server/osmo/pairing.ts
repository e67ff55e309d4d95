import { Refusal } from "../errors.ts";
import type { Env } from "../run/env.ts";
import type { Flow, FlowId } from "./flow.ts";
import { flows } from "./flow-table.ts";
import { type Settled, settle } from "./settle.ts";
import { findSubmissions, type Submission } from "./submissions.ts";

/** Both runs of a pair, in the order in which they are submitted. */
const pairFlows: readonly FlowId[] = ["good_image_generation", "structural_defect_generation"];

/** What `pair_with` says before either run has a name. */
export const newPair = "new";

/** @throws Refusal `osmo.bad-pair` for a flow that has no other half. */
export function checkPairFlow(flow: Flow): void {
  if (pairFlows.includes(flow.id)) return;
  throw new Refusal("osmo.bad-pair", "A pair is one good image run and one structural run.", {
    argument: "pair_with",
    flow: flow.id,
    order: pairFlows,
  });
}

/** Values of a run that its partner shares. */
const shared = ["dig_url_root", "board", "scene_filename", "platform", "image_edit_endpoint", "image_edit_model"];

/** The settled request of the other run of a pair: the same scene and place, its own sizes. */
export function settleOther({ flow, set }: Settled): Settled {
  const other = flows[pairFlows.find((id) => id !== flow.id) ?? "structural_defect_generation"];
  return settle({
    flow: other,
    knobs: Object.fromEntries(Object.entries(set).filter(([key]) => shared.includes(key))),
  });
}

/**
 * The earlier half of a ChangeNet pair, after proof that this submit may share its name: good image with structural,
 * the same board and storage root, and only once.
 *
 * @throws Refusal `osmo.bad-pair`.
 */
export async function pairPartner(env: Env, settled: Settled, name: string): Promise<Submission> {
  const refuse = (why: string, facts = {}) =>
    new Refusal("osmo.bad-pair", why, { name, flow: settled.flow.id, ...facts });
  const records = await findSubmissions(env, name);
  const partner = records.find((record) => record.pair_of === undefined && record.state === "submitted");
  if (!partner) throw refuse("No run of that name was submitted here.");
  if (!pairFlows.includes(partner.flow) || partner.flow === settled.flow.id) {
    throw refuse("A pair is one good image run and one structural run.", { partner: partner.flow });
  }
  if (records.some((record) => record.pair_of !== undefined && record.state !== "not-submitted")) {
    throw refuse("That run has its other half already.");
  }
  if (partner.board !== settled.set.board) {
    throw refuse("Both halves show the same board.", { board: settled.set.board, partner_board: partner.board });
  }
  if (settled.set.dig_url_root !== undefined && partner.root !== settled.set.dig_url_root) {
    throw refuse("Both halves lie in the same storage root.", { partner_root: partner.root });
  }
  return partner;
}
