import { isRecord, membersOf } from "../../run/record.ts";

/** The reserved key by which every request of the eras without a handshake names its revision. */
const revisionKey = "io.modelcontextprotocol/protocolVersion";

/** Whether a message carries the claim of an era without a handshake, 2026-07-28 and later. */
export function isModern(message: unknown): boolean {
  if (!isRecord(message)) return false;
  return revisionKey in membersOf(membersOf(message.params)._meta);
}

/** The revision that a message claims. */
export function revisionOf(message: unknown): string {
  return String(membersOf(membersOf(membersOf(message).params)._meta)[revisionKey]);
}

/** Whether a message begins a conversation of the eras before, in which the connection remembers what was agreed on. */
export function isHandshake(message: unknown): boolean {
  return isRecord(message) && message.method === "initialize" && !isModern(message);
}

/** Whether a header names a revision without a handshake; all before have a date of 2025 or earlier. */
export function namesModern(revision: string | string[] | undefined): boolean {
  return typeof revision === "string" && /^\d{4}-\d\d-\d\d$/.test(revision) && revision >= "2026";
}
