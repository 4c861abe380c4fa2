import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAppliance } from "../appliance/index.ts";
import { createApi } from "./app.ts";
import { describeApi } from "./description.ts";

/** Of people, and of the description itself. */
const FOR_PEOPLE = ["get /api", "get /api/", "get /api/openapi.json", "get /api/reference.css"];

test("no address of the API is without its description", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pinetboot-description-"));
  const appliance = await openAppliance({ dataFolder: folder, purpose: "a test" });
  try {
    const app = createApi({ appliance, serving: undefined, version: "1" });
    const routes = app.routes
      .filter(({ method, path }) => method !== "ALL" && path.startsWith("/api"))
      .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    const described = Object.entries(describeApi(app, "1").paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect([...new Set(routes)].toSorted()).toEqual([...described, ...FOR_PEOPLE].toSorted());
  } finally {
    await appliance.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
