import { Refusal } from "../errors.ts";
import type { Env } from "../run/env.ts";
import type { Settled } from "./settle.ts";
import { findSubmissions, type Submission } from "./submissions.ts";

const pairFlows: readonly string[] = ["good_image_generation", "structural_defect_generation"];

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
  if (!pairFlows.includes(settled.flow.id) || !pairFlows.includes(partner.flow) || partner.flow === settled.flow.id) {
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
