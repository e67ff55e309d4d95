import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parse } from "yaml";
import { Refusal } from "../../server/errors.ts";
import { renderWorkflow, variablesOf } from "../../server/osmo/template.ts";

type TaskState = { status: string; exit_code?: number | null };
/** One step of a workflow's life: its status and that of its tasks. */
export type Snapshot = { status: string; tasks?: Record<string, TaskState> };

export type FakeWorkflow = {
  name: string;
  submitted_by: string;
  submit_time: string;
  spec: string;
  groups: { name: string; tasks: string[] }[];
  /** Each query shows the next step; the last one stays. */
  timeline: Snapshot[];
  logs: Record<string, string>;
  events: string;
  cancelled: boolean;
  /** Ends the pod of a workflow whose tasks are really run. */
  stop?: () => void;
};

const finished = (status: string) => status === "COMPLETED" || status.startsWith("FAILED");

/** A loopback OSMO service: the REST paths and payloads of the real one, with a scripted life for each workflow. */
export class OsmoService {
  readonly workflows = new Map<string, FakeWorkflow>();
  readonly credentials = new Map<string, Record<string, string>>();
  readonly requests: string[] = [];
  /** Every request with its headers and its body. */
  readonly received: string[] = [];
  pools: Record<string, { status: string; total_capacity: string }> = {
    default: { status: "ONLINE", total_capacity: "8" },
  };
  /** What a node of each pool and platform lets a workflow ask for. */
  nodes: Record<string, Record<string, string>> = {
    "default/default": { cpu: "64", gpu: "8", memory: "512Gi", storage: "1Ti" },
  };
  profile: Record<string, unknown> = {
    profile: { username: "ann", email_notification: false, slack_notification: false, pool: "default" },
    roles: ["osmo-user"],
    pools: ["default"],
    token: null,
  };
  podTemplate: unknown = goodTemplate;
  /** Answers in place of the real one, by `METHOD /path` prefix. */
  readonly failures = new Map<string, { status: number; body: string }>();
  loseSubmitAnswer = false;
  models: string[] = ["nvidia/Qwen-Image-Edit-NVPCB-OVSL2SL"];
  /** Runs the task of a workflow for real; its life then follows the pod's. */
  runTask: ((workflow: FakeWorkflow) => Promise<Snapshot>) | undefined;
  /** Life of the next submitted workflows. */
  timeline: Snapshot[] = [{ status: "PENDING" }];
  private counter = 0;
  private readonly server = createServer((request, response) => {
    this.answer(request, response).catch((error) =>
      send(response, 500, { message: `Internal server error: ${error}` }),
    );
  });

  async start(): Promise<string> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const url = new URL((request.url ?? "/").replace(/^\/\//, "/"), "http://service");
    const line = `${request.method} ${url.pathname}`;
    this.requests.push(`${line}${url.search}`);
    for (const [prefix, failure] of this.failures) {
      if (line.startsWith(prefix)) return raw(response, failure.status, failure.body);
    }
    const body = await text(request);
    this.received.push(`${line}${url.search}\n${JSON.stringify(request.rawHeaders)}\n${body}`);
    const user = String(request.headers["x-osmo-user"] ?? "");
    const [, , kind, id, action] = url.pathname.split("/");
    if (line === "GET /v1/models") return send(response, 200, { data: this.models.map((model) => ({ id: model })) });
    if (line.startsWith("GET /api/models/")) return send(response, 200, {});
    if (line === "GET /api/profile/settings") return send(response, 200, this.profile);
    if (line === "GET /api/pool_quota") return send(response, 200, this.poolQuota(url.searchParams.getAll("pools")));
    if (line === "GET /api/resources") return send(response, 200, this.resources());
    if (line === "GET /api/configs/pod_template") return send(response, 200, this.podTemplate);
    if (kind === "credentials") return this.credential(response, request.method ?? "", id, body);
    if (kind === "pool" && action === "workflow") return this.submit(response, id ?? "", url, body, user);
    if (line === "GET /api/workflow") return send(response, 200, this.list(url));
    if (kind === "workflow" && id) return this.workflow(response, request.method ?? "", id, action, url);
    return send(response, 404, { detail: "Not Found" });
  }

  private poolQuota(names: string[]) {
    const quota = (capacity: string) => ({
      quota_used: "0",
      quota_free: capacity,
      quota_limit: capacity,
      total_usage: "0",
      total_capacity: capacity,
      total_free: capacity,
    });
    const pools = Object.entries(this.pools)
      .filter(([name]) => names.length === 0 || names.includes(name))
      .map(([name, { status, total_capacity }]) => ({ name, status, resource_usage: quota(total_capacity) }));
    return { node_sets: [{ pools }], resource_sum: quota("0") };
  }

  private resources() {
    const resources = Object.entries(this.nodes).map(([place, fields]) => {
      const [pool = "", platform = ""] = place.split("/");
      return {
        hostname: `node-${platform}`,
        resource_type: "SHARED",
        exposed_fields: { node: `node-${platform}`, "pool/platform": [place], ...fields },
        usage_fields: {},
        allocatable_fields: fields,
        platform_allocatable_fields: { [pool]: { [platform]: fields } },
        platform_workflow_allocatable_fields: { [pool]: { [platform]: fields } },
      };
    });
    return { resources };
  }

  /** What OSMO itself refuses of a rendered spec; it keeps the workflow as FAILED_SUBMISSION, without these words. */
  private unfit(pool: string, workflow: { resources: Record<string, Record<string, string>> }): string | undefined {
    for (const { platform = "default", cpu = "0", gpu = "0" } of Object.values(workflow.resources)) {
      const node = this.nodes[`${pool}/${platform}`];
      if (!node) return `Platform ${platform} does not exist in pool ${pool}!`;
      if (Number(cpu) > Number(node.cpu)) return `Value ${Number(cpu).toFixed(1)} too high for CPU`;
      if (Number(gpu) > Number(node.gpu)) return `Value ${gpu} too high for GPU`;
    }
    return undefined;
  }

  private credential(response: ServerResponse, method: string, name: string | undefined, body: string): unknown {
    if (method === "GET") {
      const credentials = [...this.credentials.keys()].map((cred_name) => ({
        cred_name,
        cred_type: "GENERIC",
        profile: null,
      }));
      return send(response, 200, { credentials });
    }
    this.credentials.set(name ?? "", JSON.parse(body).generic_credential.credential);
    return send(response, 200, null);
  }

  private submit(response: ServerResponse, pool: string, url: URL, body: string, user: string): unknown {
    if (!this.pools[pool]) return refuse(response, `Pool ${pool} not found.`, "USER");
    const { file, set_variables, set_string_variables } = JSON.parse(body);
    let spec: string;
    try {
      spec = render(file, set_variables, set_string_variables);
    } catch (error) {
      const message = error instanceof Refusal ? `'${error.facts.knob}' is undefined` : String(error);
      return refuse(
        response,
        `Jinja substitution failure: <class 'jinja2.exceptions.UndefinedError'>: ${message}`,
        "USAGE",
      );
    }
    if (url.searchParams.get("dry_run") === "True") {
      return send(response, 200, { name: "", overview: "", logs: null, spec, dashboard_url: null, warnings: [] });
    }
    const { workflow } = parse(spec);
    for (const task of workflow.groups.flatMap((group: { tasks: object[] }) => group.tasks)) {
      for (const [name, fields] of Object.entries<Record<string, string>>(task.credentials ?? {})) {
        const kept = this.credentials.get(name);
        if (!kept) return refuse(response, `Could not find the credential: ${name}.`, "CREDENTIAL");
        const field = Object.values(fields).find((key) => !(key in kept));
        if (field) {
          const keys = Object.keys(kept).map((key) => `'${key}'`);
          return refuse(
            response,
            `${field} is not a valid credential key please choose from dict_keys([${keys}])`,
            "CREDENTIAL",
          );
        }
      }
    }
    this.counter += 1;
    const name = `${workflow.name}-${this.counter}`;
    const unfit = this.unfit(pool, workflow);
    if (unfit !== undefined) {
      const groups: FakeWorkflow["groups"] = [];
      const timeline = [{ status: "FAILED_SUBMISSION" }];
      const submit_time = new Date().toISOString().replace("Z", "000");
      this.workflows.set(name, {
        name,
        submitted_by: user,
        submit_time,
        spec,
        groups,
        timeline,
        logs: {},
        events: "",
        cancelled: false,
      });
      return send(response, 400, { message: unfit, error_code: "RESOURCE", workflow_id: name });
    }
    this.workflows.set(name, {
      name,
      submitted_by: user,
      submit_time: new Date().toISOString().replace("Z", "000"),
      spec,
      groups: workflow.groups.map((group: { name: string; tasks: { name: string }[] }) => ({
        name: group.name,
        tasks: group.tasks.map((task) => task.name),
      })),
      timeline: [...this.timeline],
      logs: {},
      events: "",
      cancelled: false,
    });
    this.begin(name);
    if (this.loseSubmitAnswer) {
      return response.destroy();
    }
    const overview = `https://osmo.example/workflows/${name}`;
    return send(response, 200, {
      name,
      overview,
      logs: "https://osmo.example/logs",
      spec: null,
      dashboard_url: null,
      warnings: [],
    });
  }

  /** Lets the pod of a new workflow live beside the service. */
  private begin(name: string): void {
    const workflow = this.workflows.get(name);
    if (!this.runTask || !workflow) return;
    workflow.timeline = [{ status: "RUNNING" }];
    this.runTask(workflow).then(
      (end) => {
        if (!workflow.cancelled) workflow.timeline = [end];
      },
      (error) => {
        workflow.timeline = [{ status: "FAILED_SERVER_ERROR" }];
        workflow.events = String(error);
      },
    );
  }

  private list(url: URL) {
    const wanted = url.searchParams.get("name") ?? "";
    const workflows = [...this.workflows.values()]
      .filter(({ name }) => name.includes(wanted))
      .reverse()
      .map(({ name, submitted_by, submit_time, timeline }) => ({
        name,
        user: submitted_by,
        submit_time,
        status: timeline[0]?.status ?? "PENDING",
      }));
    return { workflows, more_entries: false };
  }

  private workflow(
    response: ServerResponse,
    method: string,
    id: string,
    action: string | undefined,
    url: URL,
  ): unknown {
    const found = this.workflows.get(id);
    if (!found) return refuse(response, `Workflow ${id} is not found.`, "USER");
    if (method === "POST" && action === "cancel") {
      if (finished(found.timeline[0]?.status ?? ""))
        return refuse(response, `Workflow ${id} is already finished.`, "USER");
      found.cancelled = true;
      if (found.stop) {
        found.stop();
        found.timeline = [{ status: "FAILED_CANCELED" }];
      }
      return send(response, 200, { name: id });
    }
    if (action === "spec") return raw(response, 200, found.spec);
    if (action === "events") return raw(response, 200, found.events);
    if (action === "logs" || action === "error_logs") {
      const task = url.searchParams.get("task_name") ?? "";
      const [now] = found.timeline;
      const ended = finished(now?.tasks?.[task]?.status ?? now?.status ?? "");
      return raw(response, 200, `${found.logs[task] ?? ""}${ended ? "" : "\u0004"}`);
    }
    const shown = found.timeline.length > 1 ? found.timeline.shift() : found.timeline[0];
    return send(response, 200, queryBody(found, shown ?? { status: "PENDING" }));
  }
}

function queryBody(found: FakeWorkflow, shown: Snapshot) {
  const groups = found.groups.map(({ name, tasks }) => ({
    name,
    status: shown.tasks?.[tasks[0] ?? ""]?.status ?? shown.status,
    failure_message: null,
    tasks: tasks.map((task) => ({
      name: task,
      retry_id: 0,
      exit_code: null,
      failure_message: null,
      start_time: null,
      error_logs: null,
      ...(shown.tasks?.[task] ?? { status: shown.status }),
    })),
  }));
  const { name, submitted_by, submit_time } = found;
  const times = { start_time: null, end_time: null, exec_timeout: 14400.0, queue_timeout: 7200.0 };
  return {
    name,
    uuid: "0f",
    submitted_by,
    submit_time,
    ...times,
    status: shown.status,
    pool: "default",
    overview: "url",
    groups,
  };
}

function render(file: string, set: string[], setString: string[]): string {
  const pairs = (items: string[]) => Object.fromEntries(items.map((item) => item.split(/=(.*)/s).slice(0, 2)));
  const sections = file.split(/^(?=[A-Za-z][\w-]*:)/m);
  const workflow = sections.find((part) => part.startsWith("workflow:")) ?? "";
  const defaults = sections.find((part) => part.startsWith("default-values:"));
  const values: Record<string, string> = defaults ? parse(defaults)["default-values"] : {};
  return renderWorkflow(workflow, variablesOf(values, pairs(set), pairs(setString)));
}

/** A template whose volumes suit Kit and training. */
export const goodTemplate = {
  default_user: {
    spec: {
      volumes: [
        { name: "nvoptix", hostPath: { path: "/usr/share/nvidia/nvoptix.bin" } },
        { name: "dshm", emptyDir: { medium: "Memory", sizeLimit: "32Gi" } },
      ],
    },
  },
};

async function text(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

function raw(response: ServerResponse, status: number, body: string): unknown {
  return response
    .writeHead(status, { "content-type": body.startsWith("{") ? "application/json" : "text/plain" })
    .end(body);
}

function send(response: ServerResponse, status: number, body: unknown): unknown {
  return response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, message: string, error_code: string): unknown {
  return send(response, 400, { message, error_code, workflow_id: null });
}
