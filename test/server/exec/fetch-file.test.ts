import { readdir, readFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { fetchFile } from "../../../server/exec/fetch-file.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const newFolder = temporaryFolders();

async function served<T>(answer: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(answer);
  await new Promise<void>((ready) => void server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  return await use(`http://127.0.0.1:${port}/weights.pth`).finally(() => {
    server.closeAllConnections();
    server.close();
  });
}

describe("a file that is fetched", () => {
  it("stands under its name whole, and the token was in a header alone", async () => {
    const dir = await newFolder();
    const asked: unknown[] = [];
    await served(
      ({ url, headers }, response) => {
        asked.push([url, headers.authorization]);
        response.end("weights");
      },
      (url) => fetchFile(url, join(dir, "w.pth"), "hf_secret"),
    );
    expect(asked).toEqual([["/weights.pth", "Bearer hf_secret"]]);
    expect(await readFile(join(dir, "w.pth"), "utf8")).toBe("weights");
  });

  it.each<[string, RequestListener]>([
    ["is refused", (_, response) => void response.writeHead(403).end()],
    ["is empty", (_, response) => void response.writeHead(200).end()],
    [
      "ends early",
      (_, response) => {
        response.writeHead(200, { "content-length": "99" });
        response.write("part");
        setTimeout(() => response.destroy(), 20);
      },
    ],
  ])("leaves nothing behind when it %s", async (_, answer) => {
    const dir = await newFolder();
    const refusal = await refusalOf(() => served(answer, (url) => fetchFile(url, join(dir, "w.pth"), undefined)));
    expect(refusal.code).toBe("executor.fetch");
    expect(await readdir(dir)).toEqual([]);
  });
});
