import { mkdir, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { tools } from "../../tools/index.ts";
import { folderOfFile } from "../support/folder.ts";
import { mcpb, packaged } from "./official.ts";

const folder = folderOfFile();
let unpacked: string;

beforeAll(async () => {
  await packaged();
  unpacked = join(folder.path, "unpacked");
  const bundle = resolve(import.meta.dirname, "../../packages/deft-mcp.mcpb");
  const { exit, stdout, stderr } = await mcpb(["unpack", bundle, unpacked], folder.path);
  if (exit !== 0) throw new Error(`${stdout}${stderr}`);
});

const manifest = async () => JSON.parse(await readFile(join(unpacked, "manifest.json"), "utf8"));

/** As a client that takes bundles starts one. */
async function start(workspace: string): Promise<Client> {
  const { server } = await manifest();
  const { command, args, env } = server.mcp_config;
  const fill = (text: string) => text.replace("${__dirname}", unpacked).replace("${user_config.workspace}", workspace);
  const own = Object.fromEntries(Object.entries<string>(env).map(([name, text]) => [name, fill(text)]));
  const state = { XDG_STATE_HOME: join(folder.path, "state"), XDG_CONFIG_HOME: join(folder.path, "config") };
  const where = { command, args: args.map(fill), env: { PATH: String(process.env.PATH), ...state, ...own } };
  const client = new Client({ name: "bundle", version: "1" });
  await client.connect(new StdioClientTransport({ ...where, cwd: folder.path, stderr: "inherit" }));
  return client;
}

describe("the bundle", () => {
  it("is valid to the command line of bundles", async () => {
    const { exit, stdout, stderr } = await mcpb(["validate", join(unpacked, "manifest.json")], folder.path);
    expect([exit, `${stdout}${stderr}`]).toEqual([0, expect.stringMatching(/validation passes/i)]);
  });

  it("holds built files alone", async () => {
    const names = await readdir(unpacked, { recursive: true });
    expect(names).toEqual(expect.arrayContaining(["dist/deft-mcp.js", "assets/icon.png", "LICENSE"]));
    expect(names.filter((name) => /node_modules|\.(map|ts)$/.test(name))).toEqual([]);
  });

  it("starts where it was unpacked, on an empty workspace, with the tools that it announces", async () => {
    const workspace = join(folder.path, "empty");
    await mkdir(workspace);
    const client = await start(workspace);
    const listed = (await client.listTools()).tools.map(({ name }) => name);
    const { content } = await client.callTool({ name: "loop_status", arguments: {} });
    await client.close();
    expect(listed).toEqual(tools.map(({ name }) => name));
    expect((await manifest()).tools.map(({ name }: { name: string }) => name)).toEqual(listed);
    expect(content).toEqual([{ type: "text", text: expect.stringMatching(/^input\.no-run: /) }]);
  });
});
