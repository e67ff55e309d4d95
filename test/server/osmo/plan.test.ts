import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { activeTasks, fillPath, flowIds } from "../../../server/osmo/flow.ts";
import { ownFlowsDir, readFlowFile } from "../../../server/osmo/flow-files.ts";
import { flows } from "../../../server/osmo/flow-table.ts";
import { planSubmit, shownCommand } from "../../../server/osmo/plan.ts";
import { defaultsOf, settle } from "../../../server/osmo/settle.ts";
import { setupFor } from "../../../server/osmo/setup-table.ts";
import { templateTokens } from "../../../server/osmo/template.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { legalSubmits, planOf, root, title } from "../../support/osmo-plans.ts";
import { refusalOf } from "../../support/refusal.ts";

const temporary = temporaryFolders();

describe("every legal pair of flow and use case", () => {
  it.each(legalSubmits.map((each) => [title(each), each] as const))("%s", async (_title, each) => {
    const plan = await planOf(each);
    const { workflow } = parse(plan.spec ?? "");
    const tasks = workflow.groups.flatMap((group: { name: string; tasks: object[] }) =>
      group.tasks.map((task) => ({ group: group.name, ...task })),
    );
    const values: Record<string, string> = {
      usecase: each.usecase ?? "",
      ...plan.settled.values,
      name: plan.name ?? "",
    };
    const expected = activeTasks(each.flow, values);
    expect(tasks.map((task: { group: string; name: string }) => [task.group, task.name])).toEqual(
      expected.map(({ group, task }) => [group, task]),
    );
    for (const [index, task] of tasks.entries()) {
      const row = expected[index];
      expect(task.outputs).toEqual([{ url: `${root}/${fillPath(row?.output ?? "", values)}` }]);
      expect(task.inputs?.length ?? 0).toBe(row?.inputs.length);
      expect("credentials" in task).toBe(row?.hf_token);
      expect(task.image).toBe(values[row?.image ?? ""]);
      expect(workflow.resources[task.resource]).toBeDefined();
      const used = [...JSON.stringify(task).matchAll(/\{\{input:(\d+)\}\}/g)].map((found) => Number(found[1]));
      expect([...new Set(used)].sort()).toEqual((task.inputs ?? []).map((_: unknown, input: number) => input));
      for (const input of task.inputs ?? []) {
        if (input.task) expect(expected.slice(0, index).map((earlier) => earlier.task)).toContain(input.task);
        else expect(input.url).toMatch(/^s3:\/\/lab\/dig\//);
      }
      for (const value of Object.values(task.environment)) expect(typeof value).toBe("string");
    }
    const readUrls = tasks
      .flatMap((task: { inputs?: { url?: string }[] }) => task.inputs ?? [])
      .flatMap((i: { url?: string }) => i.url ?? []);
    expect(new Set(plan.artifacts)).toEqual(new Set(readUrls.filter((url: string) => !url.includes("uploads"))));
  });
});

describe("our flow files", () => {
  it.each(flowIds)("%s holds exactly the knobs and defaults of the table", async (id) => {
    const file = await readFlowFile(await ownFlowsDir(), flows[id]);
    expect(file.defaults).toEqual(defaultsOf(flows[id]));
    expect(file.notes).toEqual([]);
  });

  it("mounted files hold no template tokens and every cookbook is YAML", async () => {
    for (const each of legalSubmits) {
      const plan = await planOf(each);
      const { workflow } = parse(plan.spec ?? "");
      for (const task of workflow.groups.flatMap((group: { tasks: object[] }) => group.tasks)) {
        for (const { localpath } of task.files) {
          const text = await readFile(join(dirname(plan.argv[2] ?? ""), localpath), "utf8");
          expect(templateTokens(text)).toEqual([]);
          if (localpath.endsWith(".yaml")) expect(parse(text)).toBeInstanceOf(Object);
        }
      }
    }
  });

  it("every artifact of a shipped use case has a setup flow that writes it", async () => {
    for (const each of legalSubmits) {
      for (const url of (await planOf(each)).artifacts) expect(setupFor(url.slice(root.length + 1))).toBeDefined();
    }
  });

  it("without a name the workflow does not render", async () => {
    const flow = flows.good_image_generation;
    const settled = settle({ flow, knobs: { dig_url_root: root } });
    const file = await readFlowFile(await ownFlowsDir(), flow);
    expect((await refusalOf(() => planSubmit(settled, file, "default", undefined))).facts.knob).toBe("name");
  });
});

describe("flow files of one's own", () => {
  const good = flows.good_image_generation;
  const place = { flow: good, usecase: "pcb", training: false, board: "0603_H100" };

  async function copyOf(change: (text: string) => string): Promise<string> {
    const dir = await temporary();
    const text = await readFile(join(await ownFlowsDir(), good.yaml), "utf8");
    await mkdir(join(dir, "assets", "configs"), { recursive: true });
    await writeFile(join(dir, good.yaml), change(text));
    return dir;
  }

  it("an empty folder is refused with the place to get the files", async () => {
    const refusal = await refusalOf(async () => planOf(place, await temporary()));
    expect(refusal.code).toBe("osmo.flow-files-missing");
    expect(refusal.facts.source).toContain("physical-ai-defect-image-generation");
  });

  it("a file without a knob or a task of the table is refused", async () => {
    const dir = await copyOf((text) =>
      text.replace(/ {2}crop_max_emit:.*\n/, "").replace("name: image-edit\n", "name: other\n"),
    );
    const refusal = await refusalOf(() => planOf(place, dir));
    expect(refusal.code).toBe("osmo.flow-files-differ");
    expect(refusal.facts.absent).toMatchObject({ knobs: ["crop_max_emit"], tasks: ["image-edit"] });
  });

  it("another default is told and holds", async () => {
    const dir = await copyOf((text) => text.replace('exec_timeout: "4h"', 'exec_timeout: "6h"'));
    const refusal = await refusalOf(() => planOf(place, dir));
    expect(refusal.code).toBe("osmo.flow-files-missing");
    const file = await readFlowFile(dir, good);
    expect(file.notes).toEqual([expect.stringContaining("exec_timeout=6h where 4h is documented")]);
  });

  it("template tokens in a mounted file are refused", async () => {
    const dir = await copyOf((text) => text.replace(/\.\.\/cookbooks.*?yaml|\.\.\/\.\.\/scripts[^"]*/g, "cook.yaml"));
    await writeFile(join(dir, "assets", "configs", "cook.yaml"), "a: {{ b }}\n");
    expect((await refusalOf(() => planOf(place, dir))).code).toBe("osmo.template-token");
  });

  it("a template beyond our renderer is planned without its spec", async () => {
    const dir = await copyOf((text) => text.replace("  groups:\n", "  groups:\n{% set x = 1 %}\n"));
    const plan = await planOf(place, dir);
    expect(plan.spec).toBeUndefined();
    expect(plan.notes.join()).toContain("OSMO renders it");
  });
});

describe("the plan id", () => {
  const place = { flow: flows.good_image_generation, usecase: "pcb", training: false, board: "0603_H100" };
  it("is the same for the same choices and another for any other", async () => {
    const ids = await Promise.all([planOf(place), planOf(place), planOf(place, undefined, { crop_max_emit: 3 })]);
    expect(ids[0]?.plan_id).toBe(ids[1]?.plan_id);
    expect(ids[0]?.plan_id).not.toBe(ids[2]?.plan_id);
  });
});

describe("shown commands", () => {
  it("quotes JSON and quotes for a shell", () => {
    expect(shownCommand(["--set", 'a=[["x"]]', "it's"])).toBe(`osmo --set 'a=[["x"]]' 'it'\\''s'`);
  });
});
