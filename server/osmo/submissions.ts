import { join } from "node:path";
import { z } from "zod";
import { makeDirectory } from "../fs/atomic.ts";
import { readJson, writeJson } from "../fs/json.ts";
import { listPaths } from "../fs/read.ts";
import { type Env, userDir } from "../run/env.ts";
import { userSchema } from "../run/state.ts";
import { flowIds } from "./flow.ts";

/** How the human's yes to the cost was given. */
export const consentSchema = z.object({
  how: z.enum(["elicited", "relayed", "preauthorised", "console", "signed"]),
  words: z.string().optional(),
  user: userSchema.optional(),
  at: z.string(),
});
export type Consent = z.output<typeof consentSchema>;

/** One submit, on disk before it is sent: workflow id and run name are unrelated, so both are kept. */
export const submissionSchema = z.object({
  /** Run name, or workflow name and stamp of a setup flow; names the record. */
  key: z.string().regex(/^[A-Za-z][A-Za-z0-9_-]*$/),
  flow: z.enum(flowIds),
  usecase: z.string().optional(),
  board: z.string().optional(),
  name: z.string().optional(),
  plan_id: z.string(),
  root: z.string(),
  pool: z.string(),
  set: z.record(z.string(), z.string()),
  state: z.enum(["sending", "submitted", "not-submitted"]),
  sent_at: z.string(),
  consent: consentSchema,
  workflow_id: z.string().optional(),
  overview: z.string().optional(),
  pair_of: z.string().optional(),
  /** Why the service did not take it, in its own words: they stand nowhere else. */
  refusal: z.object({ code: z.string(), message: z.string() }).optional(),
  cancel_requested_at: z.string().optional(),
});
export type Submission = z.output<typeof submissionSchema>;

/** Where submit records and watches lie. */
export function recordsDir(env: Env): string {
  return join(userDir(env, "state"), "osmo");
}

/** Writes a submission's record; the folder is the user's alone. */
export async function saveSubmission(env: Env, submission: Submission): Promise<void> {
  const dir = recordsDir(env);
  await makeDirectory(dir, 0o700);
  const suffix = submission.pair_of === undefined ? "" : ".pair";
  await writeJson(join(dir, `${submission.key}${suffix}.json`), submission, 0o600);
}

/** All records that read as such, newest first. */
export async function listSubmissions(env: Env): Promise<Submission[]> {
  const found: Submission[] = [];
  for (const path of await listPaths(recordsDir(env), /^[A-Za-z][\w-]*(\.pair)?\.json$/)) {
    const parsed = submissionSchema.safeParse(await readJson(path).catch(() => undefined));
    if (parsed.success) found.push(parsed.data);
  }
  return found.sort((a, b) => (a.sent_at < b.sent_at ? 1 : -1));
}

/** The records of a run name or workflow id; a ChangeNet pair shares one name. */
export async function findSubmissions(env: Env, run: string): Promise<Submission[]> {
  return (await listSubmissions(env)).filter(({ key, name, workflow_id }) => [key, name, workflow_id].includes(run));
}
