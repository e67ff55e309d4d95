import { z } from "zod";
import { Refusal } from "../../errors.ts";
import { parseJson } from "../../fs/json.ts";
import type { Availability } from "../../ports/executor.ts";
import { kubectlCli, type Place } from "./cli.ts";
import { kubeFailure } from "./errors.ts";

/** Whether the cluster answers, in one line. */
export async function clusterLine(env: NodeJS.ProcessEnv, place: Place): Promise<Availability> {
  try {
    const answer = await kubectlCli(env, place).run(["version", "-o", "json"], { timeoutSec: 5 });
    if (answer.code !== 0) throw kubeFailure("kubectl version", answer.stderr);
    const { serverVersion } = versionSchema.parse(parseJson(answer.stdout));
    return { available: true, detail: `Kubernetes ${serverVersion.gitVersion}` };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const said = error.facts.kubernetes === undefined ? "" : ` ${String(error.facts.kubernetes)}`;
    return { available: false, detail: `${error.message}${said}`, fix: error.remedy };
  }
}

const versionSchema = z.looseObject({ serverVersion: z.looseObject({ gitVersion: z.string() }) });
