import { join, parse } from "node:path";
import { listNames } from "../../fs/read.ts";

/**
 * The staged file that a backbone name in a spec stands for: the same name, else the only one whose stem is equal but
 * for case and `-_.` (the published `C-RADIOv2_B.pth` is staged as `c_radio_v2_b.safetensors`), else the place where
 * it would be staged.
 */
export async function stagedBackbone(backboneDir: string): Promise<(name: string) => string> {
  const names = await listNames(backboneDir);
  return (name) => {
    if (names.includes(name)) return join(backboneDir, name);
    const alike = names.filter((staged) => plainStem(staged) === plainStem(name));
    return join(backboneDir, alike.length === 1 && alike[0] !== undefined ? alike[0] : name);
  };
}

function plainStem(name: string): string {
  return parse(name).name.toLowerCase().replaceAll(/[-_.]/g, "");
}
