import { z } from "zod";
import { writeAtomic } from "../../fs/atomic.ts";
import { readAsIfPresent } from "../../fs/json.ts";
import { removeIfPresent } from "../../fs/remove.ts";

/** `jobs/<id>.kube`: what was sent to the cluster, on disk before it is sent. */
const objectSchema = z.object({
  name: z.string(),
  stamp: z.string(),
  digest: z.string(),
  state: z.enum(["sending", "created"]),
  /** Of the very Job: another one of the same name is a stranger's. */
  uid: z.string().optional(),
  /** How it stood at the last look, in the cluster's words. */
  words: z.string().optional(),
  node: z.string().optional(),
  /** What its image turned out to be, by content. */
  image_id: z.string().optional(),
});
export type KubeObject = z.output<typeof objectSchema>;

const objectPath = (stem: string) => `${stem}.kube`;

export async function readObject(stem: string): Promise<KubeObject | undefined> {
  return await readAsIfPresent(objectPath(stem), objectSchema);
}

export async function saveObject(stem: string, object: KubeObject): Promise<void> {
  await writeAtomic(objectPath(stem), `${JSON.stringify(object, null, 2)}\n`);
}

/** Nothing was taken by the cluster. */
export async function forgetObject(stem: string): Promise<void> {
  await removeIfPresent(objectPath(stem));
}
