import { openToolClient, type ToolClient } from "../mcp/client/open.ts";
import { version } from "../run/version.ts";
import { mainPath } from "./deps.ts";
import type { CliIo } from "./io.ts";

/** Lends `deft-mcp serve`, started from this very file, as an MCP client sees it over stdio; it ends with the work. */
export async function withOwnServer<T>(
  io: CliIo,
  variables: Readonly<Record<string, string>>,
  work: (client: ToolClient) => Promise<T>,
): Promise<T> {
  const env = { ...io.env, ...variables };
  const client = await openToolClient(
    { command: process.execPath, args: [mainPath(), "serve"], env, cwd: io.cwd },
    version,
  );
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
