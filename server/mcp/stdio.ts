import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import type { Deps } from "../ports/call.ts";
import type { Tap } from "../trace/recorder.ts";
import type { ServerOptions } from "./answers.ts";
import { withoutMark } from "./lenient-messages.ts";
import { buildServer } from "./server.ts";
import { tapped } from "./tap.ts";

/**
 * Serves one client over stdin and stdout until the client goes away or a signal arrives. Jobs run on without us.
 *
 * The transport does not notice the end of stdin by itself, so a server with a live timer would stay for ever.
 */
export async function serveStdio(deps: Deps, options: ServerOptions, tap?: Tap): Promise<void> {
  const server = buildServer(deps, options);
  const ended = new Promise<void>((resolve) => {
    const closed = server.onclose;
    server.onclose = () => {
      closed?.();
      resolve();
    };
    process.stdin.on("end", resolve);
    process.stdin.on("close", resolve);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve());
  });
  const transport = new StdioServerTransport(withoutMark(process.stdin));
  await server.connect(tap === undefined ? transport : tapped(transport, tap));
  await ended;
  await server.close();
  // The transport pauses the stream that it was given; the one behind it would keep a signalled process alive.
  process.stdin.destroy();
  tap?.close();
}
