import { basename } from "node:path";
import { stringify } from "yaml";
import { Refusal } from "../../errors.ts";
import { sizedFor } from "../../exec/osmo/sizes.ts";
import { remoteTrainingLimitSec } from "../../ports/executor.ts";
import type { JobSpec } from "../../run/job.ts";
import type { JobInputs } from "./inputs.ts";
import { podHome, podMarks, podScript } from "./pod-script.ts";
import type { OsmoSettings } from "./settings.ts";

/** What a one-task workflow is rendered from. */
export type TaskWish = {
  readonly job: JobSpec;
  readonly inputs: JobInputs;
  readonly image: string;
  readonly settings: OsmoSettings;
  readonly workflow_name: string;
  readonly stamp: string;
  readonly input_urls: readonly string[];
  readonly output_url: string;
};

/** Group and task carry these names in every workflow of ours. */
export const taskName = "job";

/**
 * Renders the workflow of one job: one group, one lead task, no knobs.
 *
 * @throws Refusal `osmo.template-token` when a value holds a sign that OSMO's template engine would read.
 */
export function renderTask(wish: TaskWish): string {
  const { job, inputs, settings } = wish;
  const task = {
    name: taskName,
    lead: true,
    image: wish.image,
    resource: taskName,
    environment: { ...job.env, ...placesOf(wish) },
    ...credentialsOf(job),
    inputs: wish.input_urls.map((url) => ({ url })),
    outputs: [{ url: wish.output_url }],
    command: ["bash"],
    args: [`${podHome}/run.sh`, basename(job.workdir), basename(job.log_path), shmGib(job, inputs), ...argvOf(wish)],
    files: [
      { path: `${podHome}/run.sh`, contents: podScript },
      // Encoded, because the service would read a template's signs in it.
      { path: `${podHome}/files/${inputs.spec.name}.in`, contents: base64(inputs.spec.text), base64: true },
    ],
  };
  const { cpu, memory } = sizedFor("train", inputs.gpus);
  const workflow = {
    name: wish.workflow_name,
    timeout: { exec_timeout: `${Math.ceil(job.time_limit_sec ?? remoteTrainingLimitSec)}s`, queue_timeout: "2h" },
    resources: {
      [taskName]: { gpu: inputs.gpus, cpu: Number(cpu), memory, storage: "100Gi", platform: settings.platform },
    },
    groups: [{ name: "deft", tasks: [task] }],
  };
  refuseTokens({ ...task, files: [], environment: job.env });
  return stringify({ version: 2, workflow }, { lineWidth: 0 });
}

/** Where the pod finds things; OSMO puts its own paths in the place of these tokens. */
function placesOf({ stamp, input_urls }: TaskWish): Record<string, string> {
  return {
    DEFT_STAMP: stamp,
    DEFT_OUTPUT: "{{output}}",
    DEFT_INPUTS: input_urls.map((_, index) => `{{input:${index}}}`).join(" "),
  };
}

/** A secret is a credential that OSMO keeps, by the variable's name: HF_TOKEN is `hf-token`, its key `token`. */
function credentialsOf({ env_names }: JobSpec): { credentials?: Record<string, Record<string, string>> } {
  if (env_names.length === 0) return {};
  const name = (variable: string) => variable.toLowerCase().replaceAll("_", "-");
  return { credentials: Object.fromEntries(env_names.map((variable) => [name(variable), { [variable]: "token" }])) };
}

/** The program as recorded, with the pod's name of the spec. */
function argvOf({ job, inputs }: TaskWish): string[] {
  return job.argv.map((word) => (word === inputs.spec.host_path ? `${podMarks.files}/${inputs.spec.name}` : word));
}

/** Shared memory that the pod template must give; a program on the CPU needs none. */
function shmGib(job: JobSpec, inputs: JobInputs): string {
  return inputs.gpus === 0 ? "0" : (/^(\d+)g$/i.exec(job.shm_size ?? "")?.[1] ?? "0");
}

function refuseTokens(value: object): void {
  const found = /\{\{|\{%|\{#/.exec(JSON.stringify(value));
  if (found)
    throw new Refusal("osmo.template-token", "A value of the job holds a template's sign.", { token: found[0] });
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
