import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { iconsOf, pictures } from "../server/mcp/icons.ts";

const root = resolve(import.meta.dirname, "..");
const text = (name: string) => readFile(join(root, name), "utf8");
const json = async (name: string) => JSON.parse(await text(name));

type Locked = { version?: string; resolved?: string; integrity?: string; link?: boolean };

describe("what other programs install", () => {
  it("has one version and one name everywhere", async () => {
    const own = await json("package.json");
    const listing = await json("server.json");
    const [npm] = listing.packages;
    const plugin = await json(".claude-plugin/plugin.json");
    const market = await json(".claude-plugin/marketplace.json");
    const versions = [listing.version, npm.version, plugin.version, market.metadata.version, market.plugins[0].version];
    expect(versions).toEqual(Array(5).fill(own.version));
    expect([listing.name, npm.identifier]).toEqual([own.mcpName, own.name]);
    expect(await text("Containerfile")).toContain(`io.modelcontextprotocol.server.name="${own.mcpName}"`);
  });

  it("is listed with every variable that the README explains, and no other", async () => {
    const rows = [...(await text("README.md")).matchAll(/^\| ((?:`[A-Z][A-Z0-9_]+`(?:, )?)+) \|/gm)];
    const explained = rows.flatMap(([, cell = ""]) => [...cell.matchAll(/`([A-Z0-9_]+)`/g)].map(([, name]) => name));
    const { packages } = await json("server.json");
    const listed: { name: string; isSecret?: boolean }[] = packages[0].environmentVariables;
    expect(explained.length).toBeGreaterThan(20);
    expect(listed.map(({ name }) => name).sort()).toEqual(explained.sort());
    const secret = listed.filter(({ isSecret }) => isSecret).map(({ name }) => name);
    expect(secret.sort()).toEqual(
      listed
        .map(({ name }) => name)
        .filter((name) => /_(KEY|TOKEN|PASSWORD)$/.test(name))
        .sort(),
    );
  });

  it("shows the pictures of assets/", async () => {
    expect([pictures.deft, pictures.osmo]).toEqual(
      (await Promise.all([text("assets/loop.svg"), text("assets/flow.svg")])).map((svg) => svg.trim()),
    );
    const [icon] = iconsOf("deft");
    expect(icon?.src).toMatch(/^data:image\/svg\+xml;base64,[A-Za-z0-9+/=]+$/);
  });

  it("is built of packages whose bytes the lock file names, on every platform", async () => {
    const { packages } = (await json("package-lock.json")) as { packages: Record<string, Locked> };
    const fetched = Object.entries(packages).filter(([path, { link }]) => path !== "" && !link);
    expect(fetched.length).toBeGreaterThan(100);
    expect(fetched.filter(([, { integrity }]) => !integrity?.startsWith("sha512-")).map(([path]) => path)).toEqual([]);
  });
});
