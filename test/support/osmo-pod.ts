import { spawn } from "node:child_process";
import { chmod, cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import type { FakeWorkflow, Snapshot } from "./osmo-service.ts";

type Task = {
  name: string;
  environment?: Record<string, string>;
  inputs?: { url: string }[];
  outputs?: { url: string }[];
  command: string[];
  args?: string[];
  files?: { path: string; contents: string; base64?: boolean }[];
};

/** Where pods live, where the object store is, and the programs of the image by name, as shell text. */
export type Cluster = { readonly home: string; readonly store: string; readonly programs: Record<string, string> };

/**
 * Runs the one task of a workflow as a pod would: inputs copied to `osmo/data/input/N`, mounted files, the command with
 * the platform's tokens filled in, then the output copied to the store. The pod's root is a folder, so its paths begin
 * with that folder's.
 */
export function runPod(cluster: Cluster): (workflow: FakeWorkflow) => Promise<Snapshot> {
  return async (workflow) => {
    const task: Task = parse(workflow.spec).workflow.groups[0].tasks[0];
    const pod = join(cluster.home, workflow.name);
    const object = (url: string) => join(cluster.store, url.replace(/^\w+:\/\//, ""));
    const output = join(pod, "osmo/data/output");
    const input = (index: number | string) => join(pod, "osmo/data/input", String(index));
    await mkdir(output, { recursive: true });
    for (const [index, { url }] of (task.inputs ?? []).entries()) {
      await cp(object(url), input(index), { recursive: true });
    }
    for (const file of task.files ?? []) {
      await mkdir(dirname(join(pod, file.path)), { recursive: true });
      await writeFile(join(pod, file.path), file.base64 ? Buffer.from(file.contents, "base64") : file.contents);
    }
    const filled = (text: string) =>
      text.replaceAll("{{output}}", output).replaceAll(/\{\{input:(\d+)\}\}/g, (_, index) => input(index));
    const bin = join(pod, "bin");
    await mkdir(bin);
    for (const [name, text] of Object.entries(cluster.programs)) {
      await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
      await chmod(join(bin, name), 0o755);
    }
    const env = Object.fromEntries(
      Object.entries(task.environment ?? {}).map(([key, value]) => [key, filled(String(value))]),
    );
    const mounted = new Set((task.files ?? []).map(({ path }) => path));
    const args = (task.args ?? []).map((word) => (mounted.has(word) ? join(pod, word) : filled(word)));
    const code = await run(workflow, task, [...task.command, ...args], pod, {
      ...env,
      PATH: `${bin}:${process.env.PATH}`,
    });
    // Outputs of a task that was cancelled are not uploaded.
    if (!workflow.cancelled) await cp(output, object(task.outputs?.[0]?.url ?? ""), { recursive: true });
    const status = code === 0 ? "COMPLETED" : "FAILED";
    return { status, tasks: { [task.name]: { status, exit_code: code } } };
  };
}

async function run(
  workflow: FakeWorkflow,
  task: Task,
  [program = "", ...args]: string[],
  cwd: string,
  env: Record<string, string>,
): Promise<number> {
  const child = spawn(program, args, { cwd, env, detached: true });
  workflow.stop = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, "SIGKILL");
  };
  const take = (chunk: Buffer) => {
    const lines = chunk.toString().split("\n").filter(Boolean);
    const text = lines.map((line) => `2026/01/02 03:04:05 [${task.name}] ${line}\n`).join("");
    workflow.logs[task.name] = (workflow.logs[task.name] ?? "") + text;
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  return await new Promise((resolve) => child.on("close", (code) => resolve(code ?? 137)));
}
