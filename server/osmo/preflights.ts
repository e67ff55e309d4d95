import { posix } from "node:path";
import { z } from "zod";
import { Refusal } from "../errors.ts";
import type { OsmoClient } from "../exec/osmo/client.ts";
import type { Call } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import { withWorkspaceKeys } from "../run/workspace-keys.ts";
import { askChoices } from "./ask.ts";
import { checkPool } from "./capacity.ts";
import { templateQuestion } from "./first-questions.ts";
import { activeTasks, passesThrough } from "./flow.ts";
import { probeModels } from "./gated-models.ts";
import { imageEditModel } from "./knob-table.ts";
import { unknownName } from "./names.ts";
import type { SubmitPlan } from "./plan.ts";
import { judgeTemplate, type TemplateVerdict } from "./pod-template.ts";
import { isInCluster, type Preferences, remember } from "./preferences.ts";
import { ownPhoto } from "./settle.ts";
import { setupFor } from "./setup-table.ts";
import { boards } from "./usecases.ts";

export type Finding = { readonly check: string; readonly state: "ok" | "remembered" | "warn"; readonly detail: string };

export type PreflightContext = {
  readonly call: Call;
  readonly client: OsmoClient;
  readonly preferences: Preferences;
  readonly plan: SubmitPlan;
  readonly workspace: string;
  readonly no_probe: boolean;
  /** The human's answer to the 403 question when it was part of the first-time bundle. */
  readonly template_answer?: string | undefined;
};

/**
 * The checks before a submit, in their order: the pool, credentials and pod template once a conversation, storage and
 * artifacts, run name and endpoint every time. Returns what was found; refuses at the first check that forbids the submit.
 */
export async function runPreflights(context: PreflightContext): Promise<Finding[]> {
  const { client, plan } = context;
  const findings: (Finding | undefined)[] = [{ check: "pool", state: "ok", detail: await checkPool(client, plan) }];
  findings.push(await checkCredentials(context), await checkPodTemplate(context));
  findings.push(await checkArtifacts(context), await checkName(context), ...(await checkEndpoint(context)));
  return findings.filter((finding) => finding !== undefined);
}

async function checkCredentials(context: PreflightContext): Promise<Finding | undefined> {
  const { call, client, plan, workspace, no_probe } = context;
  if (!activeTasks(plan.settled.flow, plan.settled.values).some(({ hf_token }) => hf_token)) return undefined;
  const { notes } = call.connection;
  const check = "credentials";
  if (notes.has("osmo.credentials")) return { check, state: "remembered", detail: "checked in this conversation" };
  const present = async () =>
    (await client.credentials()).credentials.some(({ cred_name }) => cred_name === "hf-token");
  const { HF_TOKEN: token } = await withWorkspaceKeys(call.deps.env, workspace);
  if (!(await present())) {
    if (token === undefined) {
      throw new Refusal("osmo.missing-credential", "OSMO has no credential hf-token, and no HF_TOKEN is at hand.", {
        credential: "hf-token",
        type: "GENERIC",
        payload_key: "token",
        looked_in: ["environment HF_TOKEN", `${workspace}/.env`],
      });
    }
    await client.setToken("hf-token", token);
    // A malformed payload leaves the exit code at 0, so only the list proves it.
    if (!(await present())) {
      throw new Refusal("osmo.missing-credential", "OSMO did not keep the credential hf-token.", {
        credential: "hf-token",
      });
    }
  }
  const probes = token === undefined || no_probe ? [] : await probeModels(call.deps.env, token);
  const refused = probes.filter(({ result }) => result === "refused");
  if (refused.length > 0) {
    throw new Refusal("osmo.credential-refused", "The token may not read gated models that the flow uses.", {
      models: refused.map(({ model, detail }) => ({ page: `https://huggingface.co/${model}`, detail })),
    });
  }
  notes.set("osmo.credentials", true);
  const silent = probes.some(({ result }) => result === "no-network");
  if (silent)
    return { check, state: "warn", detail: "hf-token is set; Hugging Face could not be asked about licences" };
  return { check, state: "ok", detail: probes.length > 0 ? "hf-token is set, licences accepted" : "hf-token is set" };
}

/** Whether the pods of this submit depend on the template: Kit and training check it themselves and fail early. */
export function needsPodTemplate(plan: SubmitPlan): boolean {
  const { flow, values } = plan.settled;
  return activeTasks(flow, values).some((task) => task.sized_by === "render" || task.sized_by === "train");
}

async function checkPodTemplate(context: PreflightContext): Promise<Finding | undefined> {
  const { call, client, preferences, plan } = context;
  if (!needsPodTemplate(plan)) return undefined;
  const check = "pod template";
  const known = preferences.pod_template ?? call.connection.notes.get("osmo.pod_template");
  if (known !== undefined) return { check, state: "remembered", detail: String(known) };
  const verdict = judgeTemplate(await client.podTemplate());
  const state = await templateState(context, verdict);
  call.connection.notes.set("osmo.pod_template", state);
  await remember(call.deps.env, { pod_template: state });
  if (state === "skipped-409") {
    return {
      check,
      state: "warn",
      detail: "the template cannot be read (409); the check inside the pod is the only guard",
    };
  }
  return { check, state: "ok", detail: state };
}

async function templateState({ call, template_answer }: PreflightContext, verdict: TemplateVerdict) {
  if (verdict.outcome === "verified") return "verified" as const;
  if (verdict.outcome === "skip") return "skipped-409" as const;
  if (verdict.outcome === "ask") {
    const question = templateQuestion();
    const answer =
      template_answer ?? (await askChoices(call, [question], "The pod template could not be read.")).get(question.id);
    if (answer === question.options[0]?.label) return "user-confirmed" as const;
    throw new Refusal("osmo.pod-template", "Nobody confirmed the pod template.", { confirm_with: question.ask });
  }
  throw new Refusal(
    "osmo.pod-template",
    verdict.outcome === "patch" ? "The pod template would make the pods fail." : "The pod template could not be read.",
    { problems: verdict.problems, scope: "cluster-wide: an administrator patches it, nobody else" },
  );
}

async function checkArtifacts({ client, plan }: PreflightContext): Promise<Finding> {
  const root = plan.settled.set.dig_url_root ?? "";
  const urls = plan.artifacts.length > 0 ? plan.artifacts : [root];
  const listed = await Promise.all(urls.map(async (url) => ({ url, keys: await client.listData(url) })));
  const missing = listed.filter(({ url, keys }) => keys.length === 0 && url !== root).map(({ url }) => url);
  if (missing.length > 0) {
    const setups = missing.map((url) => setupFor(url.slice(root.length + 1)));
    throw new Refusal("osmo.missing-artifact", `${missing.length} required artifact(s) are not in the storage.`, {
      missing,
      submit: [...new Set(setups.filter((flow) => flow !== undefined))],
      ...defined({
        upload: setups.includes(undefined) ? "artifacts of your own use case are yours to upload" : undefined,
      }),
    });
  }
  checkStep(plan, listed.find(({ url }) => url === `${root}/models/${plan.settled.usecase}`)?.keys ?? []);
  await checkPhoto(client, plan, root);
  await checkZip(client, plan);
  return { check: "storage", state: "ok", detail: `${plan.artifacts.length} required artifacts are below ${root}` };
}

/** A step that is not the shipped one must be an iteration of the checkpoint that lies in the storage. */
function checkStep({ settled }: SubmitPlan, keys: readonly string[]): void {
  const { values, usecase = "" } = settled;
  const step = settled.flow.knobs.checkpoint_step ? values.checkpoint_step : undefined;
  const steps = keys.flatMap((key) => /(?:^|\/)iter_0*(\d+)\.pt$/.exec(key)?.[1] ?? []);
  // A trained tree holds its iterations deeper, and its best one is found by the pod.
  if (step === undefined || steps.length === 0 || steps.includes(step) || !passesThrough(values)) return;
  throw unknownName("knobs.checkpoint_step", step, steps, { checkpoint: `models/${usecase}` });
}

async function checkPhoto(client: OsmoClient, plan: SubmitPlan, root: string): Promise<void> {
  const photo = plan.settled.flow.knobs.real_image_filename ? plan.settled.values.real_image_filename : undefined;
  if (photo === undefined) return;
  const assets = `${root}/datasets/pcb/assets`;
  const keys = await client.listData(
    posix.join("/", posix.dirname(photo)) === "/" ? assets : `${assets}/${posix.dirname(photo)}`,
  );
  if (keys.some((key) => posix.basename(key) === posix.basename(photo))) return;
  const shipped = Object.values(boards).some((board) => board.photo === photo);
  throw new Refusal("osmo.missing-artifact", "The board's photo is not among the assets.", {
    missing: [`${assets}/${photo}`],
    ...(shipped ? { submit: ["setup_pcb"] } : { upload: ownPhoto(root).upload }),
  });
}

async function checkZip(client: OsmoClient, plan: SubmitPlan): Promise<void> {
  const prefix = plan.settled.flow.id === "setup_glass" ? plan.settled.set.uc3_zip_url_root : undefined;
  if (prefix === undefined) return;
  const keys = await client.listData(prefix);
  if (keys.some((key) => posix.basename(key) === "mobile_screen.zip" && !key.endsWith("/"))) return;
  throw new Refusal("osmo.missing-artifact", "mobile_screen.zip is not directly below uc3_zip_url_root.", {
    missing: [`${prefix}/mobile_screen.zip`],
    hint: "an upload to .../mobile_screen.zip makes a folder of that name: upload to the prefix",
  });
}

async function checkName({ client, plan }: PreflightContext): Promise<Finding | undefined> {
  if (plan.name === undefined) return undefined;
  const used = await Promise.all(plan.outputs.map(async (url) => ((await client.listData(url)).length > 0 ? url : "")));
  const taken = used.filter(Boolean);
  if (taken.length > 0) {
    throw new Refusal("osmo.name-used", `The run name ${plan.name} has outputs already.`, { name: plan.name, taken });
  }
  return { check: "run name", state: "ok", detail: `${plan.name} is free` };
}

async function checkEndpoint({ plan }: PreflightContext): Promise<Finding[]> {
  const endpoint = plan.settled.flow.knobs.image_edit_endpoint ? plan.settled.values.image_edit_endpoint : undefined;
  if (endpoint === undefined) return [];
  const inCluster = isInCluster(endpoint);
  const health = await endpointHealth(endpoint);
  const check = "image-edit endpoint";
  if (health.state === "healthy") return [{ check, state: "ok", detail: `${imageEditModel} answers` }];
  if (health.state === "unreachable" && inCluster) {
    const look = "kubectl -n osmo-nims get nimservice qwen-image-edit-nvpcb-ovsl2sl";
    return [{ check, state: "warn", detail: `not reachable from here; it must be Ready: ${look}` }];
  }
  throw new Refusal(
    "osmo.endpoint",
    health.state === "wrong-model" ? "The endpoint serves another model." : "The endpoint does not answer.",
    { endpoint, needs: imageEditModel, found: health.detail },
  );
}

type EndpointHealth = { readonly state: "healthy" | "wrong-model" | "unreachable"; readonly detail: string };

const modelsSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Whether `<endpoint>/models` lists exactly the model that the flows need. */
async function endpointHealth(endpoint: string): Promise<EndpointHealth> {
  try {
    const answer = await fetch(`${endpoint}/models`, { signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) {
      await answer.body?.cancel();
      return { state: "unreachable", detail: `HTTP ${answer.status}` };
    }
    const parsed = modelsSchema.safeParse(await answer.json());
    const models = parsed.success ? parsed.data.data.map(({ id }) => id) : [];
    if (models.includes(imageEditModel)) return { state: "healthy", detail: imageEditModel };
    return { state: "wrong-model", detail: models.slice(0, 5).join(", ") || "no model list" };
  } catch (error) {
    return { state: "unreachable", detail: error instanceof Error ? error.name : "no answer" };
  }
}
