import { z } from "zod";
import { Refusal } from "../errors.ts";
import { readText } from "../fs/read.ts";

const defectSchema = z.looseObject({
  defect_type: z.string().regex(/^[^+]+\+.+$/, "must read <TEXTURE>+<TYPE>"),
  spatial_dependency: z.string().optional(),
  roi_prompt_defect_location: z.string().optional(),
});

/** One defect that the generator is asked to draw; `texture` and `type` are the halves of `defect_type`. */
export type Defect = { defect_type: string; texture: string; type: string; spatial_dependency: string; prompt: string };

/**
 * Reads `defect_spec.jsonl`: one JSON object a line (tao-stages 4.8).
 *
 * @throws Refusal `input.bad-json` naming the line; `input.unreadable-file`.
 */
export async function readDefectSpec(path: string): Promise<Defect[]> {
  const lines = (await readText(path)).split(/\r?\n/);
  const defects = lines.flatMap((line, at) => (line.trim() === "" ? [] : [parseDefect(path, line, at + 1)]));
  if (defects.length === 0) throw new Refusal("input.bad-json", `${path} lists no defect.`, { path });
  return defects;
}

function parseDefect(path: string, line: string, number: number): Defect {
  const parsed = defectSchema.safeParse(parseJson(line));
  if (!parsed.success) {
    const reason = parsed.error.issues[0]?.message ?? "not a defect";
    throw new Refusal("input.bad-json", `${path}, line ${number}: ${reason}.`, { path, line: number });
  }
  const { defect_type, spatial_dependency = "free", roi_prompt_defect_location: prompt = "" } = parsed.data;
  const at = defect_type.indexOf("+");
  return {
    defect_type,
    texture: defect_type.slice(0, at),
    type: defect_type.slice(at + 1),
    spatial_dependency,
    prompt,
  };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
