import { Refusal } from "../../server/errors.ts";

/** The refusal that a piece of work ends with; fails when the work succeeds or throws something else. */
export async function refusalOf(work: () => unknown): Promise<Refusal> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("the work was not refused");
}
