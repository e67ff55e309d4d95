/** Imports the contract images into the daemon of `env`; returns the variables that choose them. */
export function buildContractImages(options?: { prefix?: string; env?: NodeJS.ProcessEnv }): Record<string, string>;
