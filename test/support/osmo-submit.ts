import { z } from "zod";
import { remember } from "../../server/osmo/preferences.ts";
import { submitOsmo } from "../../tools/submit-osmo.ts";
import { allArtifacts, type Connection, type Desk, root } from "./osmo-desk.ts";

export const good = { flow: "good_image_generation", usecase: "pcb" };

/** What a client may count on. */
const report = z.object({
  outcome: z.string(),
  name: z.string().default(""),
  workflow_id: z.string().default(""),
  submit_command: z.string(),
  required_url_artifacts: z.array(z.string()),
  output_location: z.array(z.string()),
  preflights: z.array(z.string()),
  monitoring: z.array(z.string()),
  reference: z.string().optional(),
});

export async function submit(connection: Connection, args: Record<string, unknown>) {
  return report.parse(await submitOsmo.handle(submitOsmo.input.parse(args), connection.call));
}

/** A desk whose user has used OSMO before. */
export async function settled(desk: Desk, more: Record<string, unknown> = {}): Promise<Desk> {
  await desk.store(...allArtifacts);
  await desk.put("datasets/pcb/assets/input_real_image/0603_H100.jpg", Buffer.from("x"));
  desk.service.credentials.set("hf-token", { token: "hf_secretsecret" });
  await remember(desk.env, { dig_url_root: root, pool: "default", ...more });
  return desk;
}
