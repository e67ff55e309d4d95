import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { buildServer } from "../../server/mcp/server.ts";
import { tapped } from "../../server/mcp/tap.ts";
import { cassetteExecutor } from "../../server/platforms/cassette/executor.ts";
import type { Deps } from "../../server/ports/call.ts";
import type { Executor } from "../../server/ports/executor.ts";
import { loadTrace } from "../../server/trace/load.ts";
import type { Message } from "../../server/trace/message.ts";
import { playTrace } from "../../server/trace/play.ts";
import { startRecording } from "../../server/trace/recorder.ts";
import { symbolTable } from "../../server/trace/symbols.ts";
import type { Stage } from "../../server/trace/talk.ts";
import { tapeOf } from "../../server/trace/tape.ts";

/**
 * Plays a trace and records what happens into `dir`, with the jobs of its one platform changed by `change`: a whole
 * loop with outputs of any kind in the seconds that a replay takes.
 */
export async function recordReplay(
  path: string,
  places: { readonly workspace: string; readonly home: string; readonly dir: string },
  change: (inner: Executor) => Executor,
): Promise<void> {
  const trace = await loadTrace(path);
  const symbols = symbolTable();
  symbols.root("home", places.home);
  symbols.root("workspace", places.workspace);
  const tape = tapeOf(trace, symbols);
  const log = () => undefined;
  const options = { version: "0", toolsets: ["deft", "osmo"] as const, log };
  const connect: Stage["connect"] = async (head, hear) => {
    const env = { HOME: places.home, DEFT_TRANSCRIPTS: places.home };
    const executors = { embedded: async () => change(cassetteExecutor("embedded", tape)) };
    const deps: Deps = { ...tape.timeOf(head), executors, env, cwd: places.home };
    const recording = await startRecording(places.dir, deps, options);
    const [here, there] = InMemoryTransport.createLinkedPair();
    here.onmessage = (message) => hear(message as Message);
    await Promise.all([buildServer(recording.deps, options).connect(tapped(there, recording.tap)), here.start()]);
    return {
      send: (message: Message) => here.send({ jsonrpc: "2.0", ...message } as JSONRPCMessage),
      async close() {
        await here.close();
        recording.tap.close();
      },
    };
  };
  const stage: Stage = { isSkipped: () => false, connect };
  const { differences } = await playTrace(trace, stage, tape, symbols, { newFields: false, goOn: false });
  if (differences.length > 0) throw new Error(JSON.stringify(differences));
}
