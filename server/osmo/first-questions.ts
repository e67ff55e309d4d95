import { suggestedRoot } from "./knob-table.ts";
import type { ChoiceQuestion } from "./questions.ts";

/** Storage root: the shared one is a suggestion that a human confirms; nothing is picked for them. */
export function rootQuestion(): ChoiceQuestion {
  return {
    id: "dig_url_root",
    ask: "Where shall models, data and runs be stored? 80 GB and more land there.",
    options: [
      { label: suggestedRoot, set: `dig_url_root=${suggestedRoot}`, args: { knobs: { dig_url_root: suggestedRoot } } },
      { label: "cancel", set: "" },
    ],
    free_text: "your own storage prefix, e.g. s3://bucket/dig",
  };
}

export function poolQuestion(pools: readonly string[]): ChoiceQuestion {
  return {
    id: "pool",
    ask: "Which OSMO pool?",
    options: pools.slice(0, 4).map((pool) => ({ label: pool, set: `--pool ${pool}`, args: { pool } })),
  };
}

export function templateQuestion(): ChoiceQuestion {
  return {
    id: "pod_template",
    ask: "The pod template cannot be read (403). Has an administrator mounted /usr/share/nvidia/nvoptix.bin and set /dev/shm to at least 16 GiB?",
    options: [
      { label: "yes, both", set: "preferences pod_template=user-confirmed" },
      { label: "no or unsure", set: "" },
    ],
  };
}

export function endpointQuestion(): ChoiceQuestion {
  return {
    id: "image_edit_endpoint",
    ask: "Which image-edit endpoint?",
    options: [
      { label: "in-cluster service (takes one GPU of the pool)", set: "default image_edit_endpoint", args: {} },
    ],
    free_text: "the URL of an existing one, ending in /v1",
  };
}
