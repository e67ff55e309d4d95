import { isAbsolute } from "node:path";
import { z } from "zod";
import type { SettingsDeclaration } from "../../run/platform-settings.ts";

const dnsName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, "a name in lower case letters, digits, - and .");
const quantity = z.string().regex(/^\d+(\.\d+)?(m|[kMGTP]i?)?$/, "a quantity as Kubernetes writes it, e.g. 8 or 64Gi");
const labelKey = "[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?";
const labelValue = "[-A-Za-z0-9_.]*";
const listOf = (item: string) => new RegExp(`^${item}(,${item})*$`);

/**
 * What a human approves of a cluster. Lists are written with commas, as kubectl takes them. None is a secret: a secret of
 * the cluster is named, never held.
 */
export const settingsSchema = z.strictObject({
  context: z.string().min(1).optional().describe("context of the kubeconfig; default: its current one"),
  namespace: dnsName.optional().describe("namespace of the jobs; default: that of the context"),
  claim: dnsName.optional().describe("PersistentVolumeClaim that holds the workspace"),
  volume_path: z
    .string()
    .refine(isAbsolute, "an absolute path")
    .optional()
    .describe("where this server sees the root of that volume; default: the workspace"),
  program: z.enum(["tao", "engine"]).default("tao").describe("tao, or engine: a rehearsal with the embedded engine"),
  image: z.string().min(1).optional().describe("one image for all programs; default: those of versions.yaml"),
  engine_bin: z
    .string()
    .refine(isAbsolute, "an absolute path")
    .default("/opt/deft/dist/deft-mcp.js")
    .describe("deft-mcp.js in the image, for program engine"),
  gpu_resource: z
    .string()
    .regex(new RegExp(`^${labelKey}$`))
    .default("nvidia.com/gpu")
    .describe("resource name of a GPU"),
  node_selector: z
    .string()
    .regex(listOf(`${labelKey}=${labelValue}`))
    .optional()
    .describe("key=value,..."),
  tolerations: z
    .string()
    .regex(listOf(`${labelKey}(=${labelValue})?(:(NoSchedule|PreferNoSchedule|NoExecute))?`))
    .optional()
    .describe("key[=value][:effect],..."),
  pull_secrets: z
    .string()
    .regex(/^[a-z0-9.,-]+$/)
    .optional()
    .describe("names of image pull secrets"),
  service_account: dnsName.optional().describe("service account of the pods; its token is not mounted"),
  runtime_class: dnsName.optional().describe("runtime class of the pods, e.g. nvidia"),
  cpu: quantity.optional().describe("CPU request of a job"),
  memory: quantity.optional().describe("memory request and limit of a job, shared memory included"),
  read_only_root: z.boolean().default(false).describe("root file system of the pods read-only; /tmp stays writable"),
});
export const kubernetesSettings: SettingsDeclaration = { schema: settingsSchema };

type Toleration = { key: string; operator: "Equal" | "Exists"; value?: string; effect?: string };

/** The settings as manifests need them. */
export type Cluster = ReturnType<typeof clusterOf>;

/** Settings of an approved plan in the form of a manifest. `workspace` is where the volume lies unless it says otherwise. */
export function clusterOf(values: Readonly<Record<string, unknown>>, workspace: string) {
  const settings = settingsSchema.required({ claim: true, namespace: true }).parse(values);
  const { node_selector, tolerations, pull_secrets, volume_path = workspace } = settings;
  return {
    ...settings,
    volume_path,
    node_selector:
      node_selector === undefined
        ? undefined
        : Object.fromEntries(items(node_selector).map((item) => halves(item, "="))),
    tolerations: tolerations === undefined ? undefined : items(tolerations).map(toleration),
    pull_secrets: pull_secrets === undefined ? undefined : items(pull_secrets),
  };
}

const items = (text: string) => text.split(",").filter((item) => item !== "");

function halves(text: string, sign: string): [string, string] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function toleration(text: string): Toleration {
  const [what, effect] = halves(text, ":");
  const [key, value] = halves(what, "=");
  const matched = what.includes("=") ? { operator: "Equal" as const, value } : { operator: "Exists" as const };
  return { key, ...matched, ...(effect === "" ? {} : { effect }) };
}
