/** The API as somebody meets it who knows it only roughly: the wrong method, the wrong type, times without end. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { temporaryFolder, TestServer } from "../support/pinetboot.ts";

const folder = temporaryFolder("odd-requests");
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start({ data: join(folder.path, "data") });
}, 90_000);
afterAll(async () => {
  await server.stop("SIGKILL");
  folder.dispose();
});

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${server.ready.http}${path}`, init);
const send = (method: string, path: string, body: unknown): Promise<Response> =>
  ask(path, { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } });

test("a time beyond every calendar is refused, and the list can be read as before", async () => {
  const { id } = await server.createSession({ image: "blank", size: "1M" });
  for (const seconds of [Number.MAX_SAFE_INTEGER, 8_640_000_000_001, 400_000_000]) {
    const made = await send("POST", "/api/sessions", { image: "blank", ttl_seconds: seconds });
    expect(made.status).toBe(400);
    for (const change of [{ ttl_seconds: seconds }, { evict_after_seconds: seconds }])
      expect((await send("PATCH", `/api/sessions/${id}`, change)).status).toBe(400);
  }
  const all = await ask("/api/sessions");
  expect(all.status).toBe(200);
  expect(await all.json()).toHaveLength(1);
  expect((await ask("/api/sessions", { method: "HEAD" })).status).toBe(200);
});

test.each([
  ["PUT", "/api/sessions", "GET, HEAD, OPTIONS, POST"],
  ["DELETE", "/api/sessions/x/snapshots", "GET, HEAD, OPTIONS, POST"],
  ["POST", "/api/health", "GET, HEAD, OPTIONS"],
  ["POST", "/", "GET, HEAD, OPTIONS"],
])("%s %s is refused with what may be done there: %s", async (method, path, allowed) => {
  const refused = await ask(path, { method });
  expect(refused.status).toBe(405);
  expect(refused.headers.get("allow")).toBe(allowed);
  expect(await refused.json()).toMatchObject({ status: 405, fix: `It takes ${allowed}.` });
  const options = await ask(path, { method: "OPTIONS" });
  expect(options.status).toBe(204);
  expect(options.headers.get("allow")).toBe(allowed);
});

test.each(["/api/sessions/", "/api//sessions", "/API/sessions", "/api/nothere", "/page/nothere.js"])(
  "nothing is at %s, whatever is asked of it",
  async (path) => {
    for (const method of ["GET", "OPTIONS"]) {
      const answer = await ask(path, { method });
      if (path !== "/page/nothere.js" || method === "GET") expect(answer.status).toBe(404);
    }
  },
);

test("a document without its type is refused with the header that it wants", async () => {
  const refused = await ask("/api/sessions", { method: "POST", body: '{"image":"blank"}' });
  expect(refused.status).toBe(415);
  expect(await refused.json()).toMatchObject({
    code: "bad-request",
    fix: expect.stringContaining("content-type: application/json"),
  });
});
