import type { Deps } from "../../server/ports/call.ts";
import { type Elicited, memoryClient, textOf } from "./memory-client.ts";

/** What a tool answered: its result, or the code and the whole text of its refusal. */
export type Answered =
  | { readonly ok: true; readonly result: Record<string, unknown>; readonly text: string }
  | { readonly ok: false; readonly code: string; readonly text: string };

export type ToolClient = {
  call(name: string, args?: Record<string, unknown>): Promise<Answered>;
  /** The result of a call that must succeed. */
  result(name: string, args?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** Incidents that the server logged. */
  readonly logged: string[];
  close(): Promise<void>;
};

/** A real client beside a real server, with answers taken apart. With `human` the client can ask. */
export async function toolClient(deps: Deps, human?: (message: string) => Elicited): Promise<ToolClient> {
  const logged: string[] = [];
  const client = await memoryClient(deps, { log: logged, ...(human ? { answer: human } : {}) });
  const call = async (name: string, args: Record<string, unknown> = {}): Promise<Answered> => {
    const answer = await client.callTool({ name, arguments: args }, undefined, { timeout: 300_000 });
    const text = textOf(answer);
    if (answer.isError === true) return { ok: false, code: text.slice(0, text.indexOf(":")), text };
    return { ok: true, result: (answer.structuredContent ?? {}) as Record<string, unknown>, text };
  };
  return {
    call,
    logged,
    async result(name, args) {
      const answer = await call(name, args);
      if (!answer.ok) throw new Error(`${name} was refused: ${answer.text}`);
      return answer.result;
    },
    close: () => client.close(),
  };
}
