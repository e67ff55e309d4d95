import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Connection } from "./built-server.ts";

/** The person that the agent works for: what they say at first, and how they answer what it puts to them. */
export type Person = {
  readonly said: Readonly<Record<string, unknown>>;
  answer(field: string): unknown;
  /** What they say when told that a stop or a refusal needs them. */
  decide(heard: string): "repaired" | "plan again" | "wait";
  /** Their words to a summary, for a client that cannot ask by itself. */
  readonly words?: string;
};

type Result = Record<string, unknown>;
type Move = { call: string; args?: Result } | { ask: string; next: () => Move } | { end: string };
type Seen = { tool: string; result: Result } | { tool: string; refused: string } | { restarted: true };

/** What the agent did, in order: calls by name, and every time it turned to the person, with what it said. */
export type Diary = {
  readonly calls: string[];
  readonly asked: { after: string | undefined; text: string }[];
  /** Bytes of calls and answers, which the model writes and reads. */
  bytes: number;
  end: string;
};

/**
 * One rule of the skill: the sentence it stands in, when it applies to what was last seen, and the move. The sentence
 * must be in the skill's text, so a rule cannot outlive what an agent can read.
 */
type Rule = { says: string; when(seen: Seen): boolean; move(seen: Seen, person: Person, agent: Memory): Move };
type Memory = { wish: Result; planId?: string };

const value = (seen: Seen): Result => ("result" in seen ? seen.result : {});
const refusal = (seen: Seen): string => ("refused" in seen ? seen.refused : "");
const toolOf = (seen: Seen): string => ("tool" in seen ? seen.tool : "");
/** A next action names its tool first. */
const named = (action: unknown): Move => ({ call: String(action).split(" ")[0] ?? "" });

const rules: readonly Rule[] = [
  {
    says: "Call `loop_status`. It shows the last five events, what runs, and the single next action; do that.",
    when: (seen) => "restarted" in seen,
    move: () => ({ call: "loop_status" }),
  },
  {
    says: "put it to the user as one question, then call `preflight` again with the answers",
    when: (seen) => value(seen).question !== undefined,
    move: (seen, person, memory) => {
      const { text, missing } = value(seen).question as { text: string; missing: { field: string }[] };
      for (const { field } of missing) memory.wish[field] = person.answer(field);
      return { ask: text, next: () => ({ call: "preflight", args: memory.wish }) };
    },
  },
  {
    says: "Call `approve_plan` with the plan id. The server asks the human itself where the client can.",
    when: (seen) => toolOf(seen) === "preflight" && value(seen).plan_id !== undefined,
    move: (seen, _person, memory) => {
      memory.planId = String(value(seen).plan_id);
      return { call: "approve_plan", args: { plan_id: memory.planId } };
    },
  },
  {
    says: "stop, wait for the user's answer to the summary, and pass it on in `words`, verbatim",
    when: (seen) => refusal(seen).startsWith("approval.words-missing: "),
    move: (seen, person, { planId }) => ({
      ask: refusal(seen),
      next: () => ({ call: toolOf(seen), args: { ...(planId ? { plan_id: planId } : {}), words: person.words } }),
    }),
  },
  {
    says: "`approval.no-human` or `approval.declined`: tell the user the terminal command in the facts and wait.",
    when: (seen) => /^approval\.(no-human|declined): /.test(refusal(seen)),
    move: (seen, person, { wish }) => {
      const command = /"terminal_command":"([^"]+)"/.exec(refusal(seen))?.[1] ?? "";
      const again: Move = { call: "preflight", args: wish };
      return { ask: command, next: () => (person.decide(command) === "plan again" ? again : { end: "waiting" }) };
    },
  },
  {
    says: "Show its code, its message and the facts that matter, and what\n`ways_out` offers",
    when: (seen) => value(seen).outcome === "hard_stop",
    move: () => ({ call: "loop_status" }),
  },
  {
    says: "The user repairs the cause and says so: `acknowledge_stop` (the server asks them to confirm), then `run_stage`.",
    when: (seen) => toolOf(seen) === "loop_status" && Array.isArray(value(seen).ways_out),
    move: (seen, person) => {
      const { hard_stop, ways_out } = value(seen);
      const text = `${JSON.stringify(hard_stop)} ${JSON.stringify(ways_out)}`;
      const repaired: Move = { call: "acknowledge_stop" };
      return { ask: text, next: () => (person.decide(text) === "repaired" ? repaired : { end: "waiting" }) };
    },
  },
  {
    says: "Report the target, the best iteration, its FAR and threshold, the path of the report",
    when: (seen) => toolOf(seen) === "finish_loop" && value(seen).report_path !== undefined,
    move: (seen) => ({ end: String(value(seen).status_line) }),
  },
  {
    says: "`outcome: running`: call it again",
    when: (seen) => value(seen).outcome === "running",
    move: () => ({ call: "run_stage" }),
  },
  {
    says: "`next_action` starts with `finish_loop`: go to step 4.",
    when: (seen) => String(value(seen).next_action).startsWith("finish_loop"),
    move: () => ({ call: "finish_loop" }),
  },
  {
    says: "`outcome: committed`: call it again.",
    when: (seen) => value(seen).outcome === "committed",
    move: () => ({ call: "run_stage" }),
  },
  {
    says: "Call `run_stage` without arguments, again and again.",
    when: (seen) => value(seen).next_action !== undefined,
    move: (seen) => named(value(seen).next_action),
  },
];

/** The skill that the agent reads. */
export function readSkill(): Promise<string> {
  return readFile(resolve(import.meta.dirname, "../../skills/deft-aoi/SKILL.md"), "utf8");
}

/** Sentences that a rule stands on and the skill does not have. */
export function unfounded(skill: string): string[] {
  return rules.map(({ says }) => says).filter((says) => !flat(skill).includes(flat(says)));
}

function flat(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

/**
 * Works for a person until nothing is left to do, knowing no more than the rules and what the tools answer. `connect`
 * opens a server; a call that finds it gone is followed by another one, as a client's restart would be.
 *
 * @throws Error when no rule tells what to do: the texts do not suffice.
 */
export async function work(connect: () => Promise<Connection>, person: Person): Promise<Diary> {
  const diary: Diary = { calls: [], asked: [], bytes: 0, end: "" };
  const memory: Memory = { wish: { ...person.said } };
  let server = await connect();
  let move = { call: "preflight", args: memory.wish } as Move;
  while (!("end" in move)) {
    if ("ask" in move) {
      diary.asked.push({ after: diary.calls.at(-1), text: move.ask });
      move = move.next();
      continue;
    }
    diary.calls.push(move.call);
    const seen = await look(server, move.call, move.args ?? {});
    diary.bytes += JSON.stringify([move, seen]).length;
    if ("restarted" in seen) server = await connect();
    const rule = rules.find(({ when }) => when(seen));
    if (rule === undefined) throw new Error(`No rule tells what to do after ${JSON.stringify(seen)}`);
    move = rule.move(seen, person, memory);
  }
  await server.close();
  return { ...diary, end: move.end };
}

async function look(server: Connection, tool: string, args: Result): Promise<Seen> {
  try {
    const { isError, structuredContent, content } = await server.result(tool, args);
    const [first] = content;
    if (isError) return { tool, refused: first?.type === "text" ? first.text : "" };
    return { tool, result: structuredContent ?? {} };
  } catch {
    return { restarted: true };
  }
}
