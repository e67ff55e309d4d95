import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach } from "@jest/globals";
import type { Answer, Call, Deps, Question } from "../../server/ports/call.ts";
import { temporaryFolders } from "./folder.ts";
import { osmoHere } from "./osmo-here.ts";
import { OsmoService } from "./osmo-service.ts";

type Env = Record<string, string | undefined>;

/** A human who answers from a list; without one the client cannot ask. */
export type Answering = (question: Question) => Answer;

/** One connection to a server: its calls share what the conversation remembers. */
export type Connection = { call: Call; asked: Question[] };

/** A service, a stand-in CLI that is logged in to it, a storage folder and an empty home. */
export type Desk = {
  service: OsmoService;
  env: Env;
  home: string;
  connect(human?: Answering): Connection;
  /** Puts files below the storage root s3://lab/dig. */
  store(...keys: string[]): Promise<void>;
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Commands that the stand-in was started with. */
  commands(): Promise<string[][]>;
  preferences(): Promise<Record<string, unknown>>;
};

export const root = "s3://lab/dig";
/** The stand-in CLI. */
export const osmoBin = fileURLToPath(new URL("../fixtures/bin/osmo", import.meta.url));

/** Opens desks that are torn down after each test; with `process` each command is a program of its own. */
export function osmoDesks(how: "here" | "process" = "here"): () => Promise<Desk> {
  const folder = temporaryFolders();
  const services: OsmoService[] = [];
  afterEach(async () => {
    for (const service of services.splice(0)) await service.stop();
  });
  return async () => {
    const home = await folder();
    const service = new OsmoService();
    const url = await service.start();
    services.push(service);
    const login = join(home, "osmo");
    await mkdir(login);
    await writeFile(join(login, "login.yaml"), `url: ${url}\ndev_login: {username: ann}\n`);
    const journal = join(home, "commands.jsonl");
    const store = join(home, "store");
    const env: Env = {
      PATH: process.env.PATH,
      HOME: home,
      XDG_CONFIG_HOME: join(home, "config"),
      XDG_STATE_HOME: join(home, "state"),
      DEFT_OSMO_BIN: osmoBin,
      HF_ENDPOINT: url,
      OSMO_CONFIG_FILE_DIR: login,
      OSMO_STAND_IN_STORE: store,
      OSMO_STAND_IN_JOURNAL: journal,
    };
    const put = async (key: string, bytes: Uint8Array | string) => {
      const path = join(store, "lab", "dig", key);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes);
    };
    return {
      service,
      env,
      home,
      connect: (human) =>
        connect(how === "here" ? { env, cwd: home, runOsmo: osmoHere(osmoBin) } : { env, cwd: home }, human),
      put,
      store: async (...keys) => {
        for (const key of keys) await put(`${key}/one.bin`, "x");
      },
      commands: async () =>
        (await readFile(journal, "utf8"))
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line)),
      preferences: async () => JSON.parse(await readFile(join(home, "config", "deft-mcp", "preferences.json"), "utf8")),
    };
  };
}

/** Everything that the six flows read, as one-file prefixes, with the photos of both boards. */
export const allArtifacts = [
  ...["models/pretrained", "models/pcb", "models/glass", "models/metal_surface", "datasets/pcb/assets"],
  ...["datasets/pcb/raw", "datasets/glass/raw", "datasets/metal_surface/raw"],
];

let stamp = 0;

function connect(place: Pick<Deps, "env" | "cwd" | "runOsmo">, human?: Answering): Connection {
  const asked: Question[] = [];
  const call: Call = {
    deps: {
      clock: { now: () => new Date() },
      ids: {
        hex: (length) => {
          stamp += 1;
          return stamp.toString(16).padStart(length, "a");
        },
      },
      ...place,
      executors: {},
    },
    signal: new AbortController().signal,
    human: {
      canAsk: human !== undefined,
      ask: async (question) => {
        asked.push(question);
        return human?.(question) ?? { action: "cancel" };
      },
    },
    client: "test 1.0",
    connection: { shownPlans: new Set(), notes: new Map() },
    progress: () => undefined,
  };
  return { call, asked };
}

/** Says yes to approvals and gives these answers to choices. */
export function agreeing(choices: Record<string, unknown> = {}): Answering {
  return ({ fields }) => ({
    action: "accept",
    content: Object.fromEntries(Object.keys(fields).map((key) => [key, key === "approve" ? true : choices[key]])),
  });
}
