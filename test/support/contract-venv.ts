import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { probeMark } from "../../server/platforms/host/probe.ts";

const engineBin = join(process.cwd(), "dist", "deft-mcp.js");

/** What the probe says of an environment that has all that the loop can use. */
export const goodSections = {
  python: { version: "3.12.3", executable: "bin/python" },
  packages: { tao: "7.3.0", data_services: "7.3.0", missing: [] as string[], neighbors: true },
  torch: { version: "2.11.0+cu130", cuda: "13.0" } as Record<string, unknown>,
  cuda: { gpus: [{ name: "NVIDIA H100 80GB HBM3", memory_mib: 81_559, free_mib: 80_900 }] } as Record<string, unknown>,
  operator: { path: "MultiScaleDeformableAttention.so" } as Record<string, unknown>,
  end: {},
};

export type Sections = Partial<Record<keyof typeof goodSections | "mpi", Record<string, unknown>>>;

/** Writes a program into an environment. */
export async function script(venv: string, name: string, text: string): Promise<void> {
  const path = join(venv, "bin", name);
  await writeFile(path, text);
  await chmod(path, 0o755);
}

/**
 * A Python environment as a contract: its interpreter answers the probe with the given sections, and its console scripts
 * are the embedded engine of this build, which takes and leaves what TAO's take and leave.
 */
export async function contractVenv(folder: string, sections: Sections = goodSections): Promise<string> {
  const venv = join(folder, "tao-venv");
  await mkdir(join(venv, "bin"), { recursive: true });
  const lines = Object.entries(sections).map(
    ([section, facts]) => `${probeMark}${JSON.stringify({ section, ...facts })}`,
  );
  await script(venv, "python", `#!/bin/sh\ncat <<'END'\n${["some import says hello", ...lines].join("\n")}\nEND\n`);
  for (const name of ["visual_changenet", "embedding", "tmm"]) {
    await script(venv, name, `#!/bin/sh\nexec '${process.execPath}' '${engineBin}' engine ${name} "$@"\n`);
  }
  return venv;
}
