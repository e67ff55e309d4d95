import { resolve } from "node:path";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import { command } from "./frame.ts";
import { scaffoldWorkspace } from "./scaffold.ts";

/** `deft-mcp init DIR`: a new workspace, empty or with generated boards. */
export const run = command("init", async ({ positionals: [name], options: { example, tiny, seed } }, io) => {
  const dir = resolve(io.cwd, name);
  if (!example) {
    const next = `fill it, then deft-mcp doctor --workspace ${dir}`;
    const text = `Made ${dir}; its README.md says what to put where.\nNext: ${next}\n`;
    return { value: await scaffoldWorkspace(dir), text };
  }
  const text = `Made ${dir} with generated board images; its README.md says what is in it.\nNext: deft-mcp demo --workspace ${dir}\n`;
  return { value: await generateWorkspace(dir, { seed, size: tiny ? "tiny" : "standard" }), text };
});
