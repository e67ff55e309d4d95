import { join } from "node:path";
import { excerpt, Refusal } from "../errors.ts";
import { kindOf, listNames } from "../fs/read.ts";
import type { Flow } from "./flow.ts";
import { boards, usecases } from "./usecases.ts";

/** What people call the shipped boards, in lower case, beside the names of their cookbook directories. */
export const boardAliases: Readonly<Record<string, string>> = {
  spark: "0603_H100",
  "0603": "0603_H100",
  "0603_h100": "0603_H100",
  "0603-h100": "0603_H100",
  "1152819000": "1152819000",
  "115_2819_000": "1152819000",
};

const usecaseAliases: Readonly<Record<string, string>> = {
  pcba: "pcb",
  metal: "metal_surface",
  "metal surface": "metal_surface",
  "metal-surface": "metal_surface",
  mobile_screen: "glass",
  phone: "glass",
};

/** Boards and use cases that have cookbooks: the shipped ones and those of the user's `flows_dir`. */
export type KnownNames = { readonly boards: readonly string[]; readonly usecases: readonly string[] };

/** Reads the names of the cookbook directories in `dir`, a folder of flow files. */
export async function knownNames(dir: string): Promise<KnownNames> {
  const cookbooks = join(dir, "assets", "cookbooks");
  return {
    boards: [...new Set([...Object.keys(boards), ...(await foldersWith(join(cookbooks, "pcb"), "pcba_target.yaml"))])],
    usecases: [...new Set([...Object.keys(usecases), ...(await foldersWith(cookbooks, "ag_config.yaml"))])],
  };
}

async function foldersWith(dir: string, file: string): Promise<string[]> {
  if ((await kindOf(dir)) !== "directory") return [];
  const found: string[] = [];
  for (const name of await listNames(dir)) {
    if ((await kindOf(join(dir, name, file))) === "file") found.push(name);
  }
  return found;
}

/** The board that a name or an alias means. @throws Refusal `osmo.unknown-name` with the nearest boards. */
export function boardNamed(name: string, known: KnownNames): string {
  const found = known.boards.find((board) => board === name) ?? boardAliases[name.toLowerCase()];
  if (found !== undefined) return found;
  throw unknownName("board", name, known.boards, {
    own: "a board of your own: its cookbooks in <flows_dir>/assets/cookbooks/pcb/<board>, its parts in the scene",
  });
}

/**
 * The use case that a name or an alias means; one of the user's own where the flow takes one.
 *
 * @throws Refusal `osmo.unknown-name` with the nearest use cases and what a new one needs.
 */
export function usecaseNamed(name: string, flow: Flow, known: KnownNames, own: boolean): string {
  const found = known.usecases.find((usecase) => usecase === name) ?? usecaseAliases[name.toLowerCase()];
  if (found !== undefined) return found;
  if (flow.custom_usecase && own) return name;
  throw unknownName("usecase", name, known.usecases, {
    new_usecase: newUsecase(name),
  });
}

/** What a use case needs before a checkpoint of its own can be trained. */
export function newUsecase(name: string) {
  const usecase = /^[A-Za-z][\w-]*$/.test(name) ? name : "<usecase>";
  return {
    pass: { flow: "finetune", usecase },
    needs: [
      `<dig_url_root>/datasets/${usecase}/raw with defect_spec.jsonl, <material>/mask/<defect>/ and clean images`,
      `flows_dir with assets/cookbooks/${usecase}/ag_config.yaml (both anomaly_types lists are yours)`,
      "models/pretrained (setup_pretrained)",
    ],
  };
}

/** The refusal of a name that no table holds; `argument` is the one that was passed. */
export function unknownName(argument: string, name: string, known: readonly string[], more: object = {}): Refusal {
  return new Refusal("osmo.unknown-name", `There is no ${argument} ${JSON.stringify(excerpt(name, 60))}.`, {
    argument,
    name: excerpt(name, 60),
    nearest: nearest(name, known),
    known: known.slice(0, 20),
    ...more,
  });
}

/** Up to three names that a misspelt one may mean, the nearest first. */
export function nearest(name: string, known: readonly string[]): string[] {
  const wanted = name.toLowerCase();
  const measured = known.map((each) => ({ each, far: distance(wanted, each.toLowerCase()) }));
  const near = measured.filter(
    ({ each, far }) => far <= Math.max(2, each.length / 2) || each.toLowerCase().includes(wanted),
  );
  return near
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map(({ each }) => each);
}

/** Letters to add, drop or change between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
