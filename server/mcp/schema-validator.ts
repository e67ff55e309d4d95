import type { JsonSchemaValidator, jsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/types.js";
import { z } from "zod";

/** Holds values against JSON schemas by the library that makes ours; the SDKs' own is as large as all else at the start. */
export const schemaValidator: jsonSchemaValidator = {
  getValidator<T>(schema: object): JsonSchemaValidator<T> {
    const known = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
    return (input) => {
      const parsed = known.safeParse(input);
      if (parsed.success) return { valid: true, data: input as T, errorMessage: undefined };
      return { valid: false, data: undefined, errorMessage: z.prettifyError(parsed.error) };
    };
  },
};
