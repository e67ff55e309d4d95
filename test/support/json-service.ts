import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A service on loopback that answers GET with JSON, and 404 where `answer` has none. */
export async function serveJson(answer: (path: string, origin: string) => Promise<unknown>) {
  let origin = "";
  const http = createServer(async (request, response) => {
    const value = await answer(request.url ?? "/", origin);
    response.writeHead(value === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(value ?? {}));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const close = () =>
    new Promise<void>((resolve) => {
      http.closeAllConnections();
      http.close(() => resolve());
    });
  return { origin, close };
}
