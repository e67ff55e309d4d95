import { rm } from "node:fs/promises";

/** Takes away what the test files of one run shared. */
export default async () => await rm(process.env.DEFT_TEST_SHARED, { recursive: true, force: true });
