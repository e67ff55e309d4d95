import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
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
 * The first message tells the era; only its SDK is loaded. What is recorded begins with a handshake. A transport does not notice the end of stdin by itself, so a
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
    const served =
      isModern(first.message) && tap === undefined
        ? await modernOn(input, deps, options, gone)
        : await handshakeOn(await stdioTransport(input, tap), deps, options, gone);
    await ended;
    await served.close();
  }
  // The transport pauses the stream that it was given; the one behind it would keep a signalled process alive.
  process.stdin.destroy();
  tap?.close();
}

async function stdioTransport(input: ReturnType<typeof withoutMark>, tap: Tap | undefined): Promise<Transport> {
  const { StdioServerTransport } = await import("@modelcontextprotocol/sdk/server/stdio.js");
  const wire = new StdioServerTransport(input);
  if (tap === undefined) return wire;
  const { handshakesOnly } = await import("./not-recorded.ts");
  return tapped(handshakesOnly(wire), tap);
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

async function modernOn(input: ReturnType<typeof withoutMark>, deps: Deps, options: ServerOptions, gone: () => void) {
  const { StdioServerTransport } = await import("@modelcontextprotocol/server/stdio");
  const { serveModern } = await import("./modern/connection.ts");
  return await serveModern(new StdioServerTransport(input), deps, options, {
    gone,
    fallBack: (channel) => handshakeOn(channel as unknown as Transport, deps, options, gone),
  });
}
