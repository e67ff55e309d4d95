import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { Transport as ModernTransport } from "@modelcontextprotocol/server";
import type { Deps } from "../ports/call.ts";
import type { Tap } from "../trace/recorder.ts";
import { firstMessage } from "./first-line.ts";
import { withoutMark } from "./lenient-messages.ts";
import { isModern } from "./modern/era.ts";
import type { ServerOptions } from "./options.ts";
import { tapped } from "./tap.ts";

/**
 * Serves one client over stdin and stdout until the client goes away or a signal arrives. Jobs run on without us.
 *
 * The first message tells the era; only its SDK is loaded. A transport does not notice the end of stdin by itself, so a
 * server with a live timer would stay for ever.
 */
export async function serveStdio(deps: Deps, options: ServerOptions, tap?: Tap): Promise<void> {
  let gone = () => {};
  const ended = new Promise<undefined>((resolve) => {
    gone = () => resolve(undefined);
    process.stdin.on("end", gone);
    process.stdin.on("close", gone);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, gone);
  });
  const input = withoutMark(process.stdin);
  const first = await Promise.race([firstMessage(input).then((message) => ({ message })), ended]);
  if (first !== undefined) {
    const heard = <T extends Transport>(wire: T) => (tap === undefined ? wire : (tapped(wire, tap) as T));
    const served = isModern(first.message)
      ? await modernOn(input, deps, options, heard, gone)
      : await handshakeOn(await stdioTransport(input, heard), deps, options, gone);
    await ended;
    await served.close();
  }
  // The transport pauses the stream that it was given; the one behind it would keep a signalled process alive.
  process.stdin.destroy();
  tap?.close();
}

type Heard = <T extends Transport>(wire: T) => T;

async function stdioTransport(input: ReturnType<typeof withoutMark>, heard: Heard): Promise<Transport> {
  const { StdioServerTransport } = await import("@modelcontextprotocol/sdk/server/stdio.js");
  return heard(new StdioServerTransport(input));
}

async function handshakeOn(wire: Transport, deps: Deps, options: ServerOptions, gone: () => void) {
  const { buildServer } = await import("./server.ts");
  const server = buildServer(deps, options);
  const closed = server.onclose;
  server.onclose = () => {
    closed?.();
    gone();
  };
  await server.connect(wire);
  return server;
}

async function modernOn(
  input: ReturnType<typeof withoutMark>,
  deps: Deps,
  options: ServerOptions,
  heard: Heard,
  gone: () => void,
) {
  const { StdioServerTransport } = await import("@modelcontextprotocol/server/stdio");
  const { serveModern } = await import("./modern/connection.ts");
  const wire = heard(new StdioServerTransport(input) as unknown as Transport);
  return await serveModern(wire as unknown as ModernTransport, deps, options, {
    gone,
    fallBack: (channel) => handshakeOn(channel as unknown as Transport, deps, options, gone),
  });
}
