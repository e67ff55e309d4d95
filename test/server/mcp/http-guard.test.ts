import { describe, expect, it } from "@jest/globals";
import { isLoopback, turnedAway } from "../../../server/mcp/http-guard.ts";

const token = "a-token-of-24-characters";
const here = { host: "127.0.0.1:8080" };

describe("the door of the HTTP server", () => {
  it.each([
    ["127.0.0.1", true],
    ["127.9.9.9", true],
    ["localhost", true],
    ["LOCALHOST", true],
    ["::1", true],
    ["[::1]", true],
    ["0.0.0.0", false],
    ["::", false],
    ["192.168.1.4", false],
    ["localhost.evil.example", false],
    ["127.0.0.1.evil.example", false],
    ["", false],
  ])("%s means this machine alone: %s", (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });

  it.each([
    [{ host: "127.0.0.1:8080" }],
    [{ host: "localhost:1" }],
    [{ host: "[::1]:8080" }],
    [{ ...here, origin: "http://localhost:6274" }],
    [{ ...here, origin: "http://127.0.0.1" }],
  ])("lets %j in on loopback", (headers) => {
    expect(turnedAway(headers, { loopback: true })).toBeUndefined();
  });

  it.each([
    [{}, "http.host"],
    [{ host: "evil.example" }, "http.host"],
    [{ host: "localhost.evil.example:8080" }, "http.host"],
    [{ host: "evil.example@localhost.evil.example" }, "http.host"],
    [{ ...here, origin: "https://evil.example" }, "http.origin"],
    [{ ...here, origin: "https://localhost.evil.example" }, "http.origin"],
    [{ ...here, origin: "null" }, "http.origin"],
    [{ ...here, origin: "" }, "http.origin"],
  ])("turns %j away with %s", (headers, code) => {
    expect(turnedAway(headers, { loopback: true })).toMatchObject({ status: 403, refusal: { code } });
  });

  it("asks every request for the token, and answers to any name of the host then", () => {
    const door = { loopback: false, token };
    const host = "lab7.plant.example:8080";
    expect(turnedAway({ host, authorization: `Bearer ${token}` }, door)).toBeUndefined();
    expect(turnedAway({ host, authorization: `bearer  ${token}` }, door)).toBeUndefined();
    const wrong = [
      undefined,
      "",
      token,
      "Bearer",
      "Bearer x",
      `Bearer ${token}x`,
      `Basic ${token}`,
      `Bearer ${token} x`,
    ];
    for (const authorization of wrong) {
      const no = turnedAway(authorization === undefined ? { host } : { host, authorization }, door);
      expect(no).toMatchObject({ status: 401, refusal: { code: "http.token" } });
    }
    const page = { host, authorization: `Bearer ${token}`, origin: "https://evil.example" };
    expect(turnedAway(page, door)?.refusal.code).toBe("http.origin");
  });
});
