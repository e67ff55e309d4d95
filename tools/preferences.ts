import { z } from "zod";
import type { PreferenceArgs } from "../server/osmo/edit-preferences.ts";
import { preferenceKeys } from "../server/osmo/preferences.ts";
import { defineTool } from "./define.ts";

export const preferences = defineTool({
  name: "preferences",
  title: "Remembered OSMO choices",
  description: "Shows, sets or forgets what OSMO submits remember. The storage root is set only with a human's yes.",
  toolset: "osmo",
  input: z.strictObject({
    key: z.enum(preferenceKeys).optional(),
    value: z.string().max(500).optional().describe("sets; empty forgets"),
    words: z.string().max(2000).optional(),
  }),
  keepsBlank: ["value"],
  output: z.looseObject({ status_line: z.string(), preferences: z.looseObject({}) }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async handle(args, call) {
    const { editPreferences } = await import("../server/osmo/edit-preferences.ts");
    return await editPreferences(call, args as PreferenceArgs);
  },
});
