import type { Message } from "./align.ts";
import { readTranscript, type Sighting } from "./transcript.ts";

/**
 * The model calls of several transcripts, each counted once.
 *
 * A client writes a message as one line a content block, and a resumed session repeats earlier ones in a new file; the
 * vendor's program counts every such line. Here lines with one `message.id` are one message: at its earliest time, with
 * the counts of its fullest line, so the order of the files does not matter. Memory grows with the messages alone.
 */
export async function collectMessages(paths: readonly string[]): Promise<Message[]> {
  const single: Message[] = [];
  const byId = new Map<string, Message>();
  const keep = ({ id, message }: Sighting) => {
    if (id === undefined) single.push(message);
    else byId.set(id, merged(byId.get(id), message));
  };
  for (const path of new Set(paths)) await readTranscript(path, keep);
  return [...byId.values(), ...single];
}

function merged(before: Message | undefined, now: Message): Message {
  if (before === undefined) return now;
  const at = Math.min(before.at, now.at);
  return now.output > before.output ? { ...now, at } : before.at === at ? before : { ...before, at };
}
