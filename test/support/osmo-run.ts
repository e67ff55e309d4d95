import { z } from "zod";
import type { Tool } from "../../tools/define.ts";
import { submitOsmo } from "../../tools/submit-osmo.ts";
import { agreeing, type Connection, type Desk } from "./osmo-desk.ts";
import type { Snapshot } from "./osmo-service.ts";
import { good, settled } from "./osmo-submit.ts";

/** Calls a tool as a client would and returns what the client may count on. */
export async function use(tool: Tool, connection: Connection, args: Record<string, unknown>) {
  return tool.output.parse(await tool.handle(tool.input.parse(args), connection.call)) as Record<string, unknown>;
}

const sent = z.object({ name: z.string(), workflow_id: z.string() });

/** A desk on which one run of the flow was submitted, with this life ahead. */
export async function submitted(desk: Desk, timeline: Snapshot[], args: Record<string, unknown> = good) {
  await settled(desk);
  desk.service.timeline = timeline;
  const connection = desk.connect(agreeing());
  const { name, workflow_id } = sent.parse(await use(submitOsmo, connection, args));
  const workflow = desk.service.workflows.get(workflow_id);
  if (!workflow) throw new Error("the service lost the workflow");
  return { desk, connection, name, workflow };
}
