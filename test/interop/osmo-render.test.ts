import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { castSet } from "../../server/osmo/casting.ts";
import type { Flow } from "../../server/osmo/flow.ts";
import { ownFlowsDir, readFlowFile } from "../../server/osmo/flow-files.ts";
import { flows } from "../../server/osmo/flow-table.ts";
import { settle } from "../../server/osmo/settle.ts";
import { renderWorkflow, variablesOf } from "../../server/osmo/template.ts";

type Job = {
  section: string;
  defaults: Record<string, string>;
  set: Record<string, string>;
  set_string: Record<string, string>;
};
type Answer = { rendered?: string; error?: string };

const script = join(import.meta.dirname, "osmo-render.py");

function jinja(jobs: Job[]): Answer[] {
  return JSON.parse(execFileSync("python3", [script], { input: JSON.stringify(jobs), encoding: "utf8" }));
}

beforeAll(() => {
  try {
    execFileSync("python3", ["-c", "import jinja2"], { stdio: "pipe" });
  } catch {
    throw new Error("This suite needs python3 with jinja2 (pip install jinja2).");
  }
});

type Case = { flow: Flow; usecase: string | undefined; training: boolean };
const cases: Case[] = Object.values(flows).flatMap((flow) =>
  (flow.usecases.length > 0 ? flow.usecases : [undefined]).flatMap((usecase) =>
    (flow.tasks.some((task) => task.only === "training") ? [false, true] : [false]).map((training) => ({
      flow,
      usecase,
      training,
    })),
  ),
);

async function jobOf({ flow, usecase, training }: Case, more: Record<string, string> = {}): Promise<Job> {
  const knobs = {
    dig_url_root: "s3://lab/dig",
    ...(training ? { use_pretrained_checkpoint: "false" } : {}),
    ...(flow.id === "setup_glass" ? { uc3_zip_url_root: "s3://lab/zip" } : {}),
  };
  const { set } = settle({ flow, usecase, knobs });
  const file = await readFlowFile(await ownFlowsDir(), flow);
  return { section: file.workflow, defaults: file.defaults, set: {}, set_string: { ...set, name: "n-1", ...more } };
}

describe("our renderer against Jinja2 with strict undefined", () => {
  it("gives the same text for every legal pair", async () => {
    const jobs = await Promise.all(cases.map((each) => jobOf(each)));
    for (const [index, { rendered, error }] of jinja(jobs).entries()) {
      const { section, defaults, set, set_string } = jobs[index] as Job;
      expect(error).toBeUndefined();
      expect(renderWorkflow(section, variablesOf(defaults, set, set_string))).toBe(rendered);
    }
  });

  it("Day 0 trains without a use case, and only the name has no default", async () => {
    const jobs = await Promise.all(cases.map((each) => jobOf(each)));
    const bare = jobs.map(({ set_string, ...job }) => ({
      ...job,
      set_string: { use_pretrained_checkpoint: set_string.use_pretrained_checkpoint ?? "true" },
    }));
    for (const [index, { error }] of jinja(bare).entries()) {
      const isSetup = cases[index]?.flow.kind === "setup";
      expect(error).toEqual(isSetup ? undefined : expect.stringContaining("'name' is undefined"));
    }
  });

  it.each(["true", "TRUE", "yes", "1", "y", "on", "1.0", "false", ""])(
    "the training gate reads %j alike",
    async (gate) => {
      const flow = flows.texture_defect_generation_day1_manual_roi;
      const job = await jobOf({ flow, usecase: "glass", training: false }, { use_pretrained_checkpoint: gate });
      expect(renderWorkflow(job.section, variablesOf(job.defaults, {}, job.set_string))).toBe(
        jinja([job])[0]?.rendered,
      );
    },
  );

  it("the swap of step and pairs reads cast and uncast values alike", async () => {
    const flow = flows.texture_defect_generation_day1_real_alignment;
    const file = await readFlowFile(await ownFlowsDir(), flow);
    for (const usecase of ["pcb", "glass", "metal_surface"]) {
      for (const set of [{}, { checkpoint_step: "14000" }, { checkpoint_step: "7_000" }]) {
        const job: Job = { section: file.workflow, defaults: file.defaults, set, set_string: { name: "n-1", usecase } };
        expect(renderWorkflow(job.section, variablesOf(job.defaults, set, job.set_string))).toBe(
          jinja([job])[0]?.rendered,
        );
      }
    }
  });

  it("values are cast as Python casts them", () => {
    const values = [
      "1_000",
      "007",
      " 7",
      "1e5",
      "5e1",
      "inf",
      "nan",
      ".5",
      "1.",
      "1__0",
      "_1",
      "0x10",
      "0603_H100",
      "1_0.5",
      "1e-5",
      "1e16",
      "123456789012345678901234567890",
      "-0.0",
      "1e22",
      "0.1",
      "+5",
      "1e",
      "e1",
      "१",
    ];
    const jobs = values.map((value) => ({ section: "{{ v }}|", defaults: {}, set: { v: value }, set_string: {} }));
    const expected = jinja(jobs).map(({ rendered }) => rendered);
    // Digits of other scripts are numbers to Python; no knob lets them through.
    expect(values.slice(0, -1).map((value) => `${castSet(value).text}|`)).toEqual(expected.slice(0, -1));
  });
});
