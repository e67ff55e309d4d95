import { clientOfServerHere } from "../mcp/client/here.ts";
import type { ToolClient } from "../mcp/client/open.ts";
import type { CliIo } from "./io.ts";
import { recordedDeps, recordingFolder, serverOptions } from "./server-options.ts";
import { assertComplete } from "./shipped.ts";

/**
 * Lends a server in this very process, as an MCP client sees it: the tools, and nothing beside them. What one such
 * server learned of the images serves the next, as it would between two calls of one server.
 */
export async function withOwnServer<T>(
  io: CliIo,
  variables: Readonly<Record<string, string>>,
  work: (client: ToolClient) => Promise<T>,
): Promise<T> {
  const own = { ...io, env: { ...io.env, ...variables } };
  const options = serverOptions(own, undefined);
  await assertComplete();
  const { deps, tap } = await recordedDeps(recordingFolder(undefined, own), own, options);
  const client = await clientOfServerHere(deps, options, tap);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
