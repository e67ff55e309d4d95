import { join } from "node:path";
import { packageRoot } from "../fs/package-root.ts";
import { listNames, readText } from "../fs/read.ts";

/** One page of `references/`: its topic (`gates`, `flows/finetune`) and its heading. */
export type Topic = { readonly topic: string; readonly title: string };

/** Every shipped reference page, sorted by topic. */
export async function listTopics(): Promise<Topic[]> {
  const folder = join(await packageRoot(), "references");
  const topics: Topic[] = [];
  for (const prefix of ["", "flows/"]) {
    for (const name of await listNames(join(folder, prefix))) {
      if (!name.endsWith(".md")) continue;
      const topic = `${prefix}${name.slice(0, -3)}`;
      topics.push({ topic, title: headingOf(await readText(join(folder, `${topic}.md`))) ?? topic });
    }
  }
  return topics;
}

/** The text of a reference page, or undefined when there is no such topic. */
export async function readTopic(topic: string): Promise<string | undefined> {
  const known = (await listTopics()).some((one) => one.topic === topic);
  return known ? await readText(join(await packageRoot(), "references", `${topic}.md`)) : undefined;
}

function headingOf(markdown: string): string | undefined {
  return /^#\s+(.+)$/m.exec(markdown)?.[1];
}
