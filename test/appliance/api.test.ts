/** The HTTP API: its shapes, its problems, its stream, and who may speak to it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { z } from "zod";
import { CreatedSessionSchema, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { sseFrame } from "../support/sse.ts";
import { describeWith } from "../support/tools.ts";

let folder = temporaryFolder("api");
let server: TestServer;

beforeAll(async () => {
  folder = temporaryFolder("api");
  server = await TestServer.start({ data: join(folder.path, "data") });
});
afterAll(async () => {
  await server.stop("SIGKILL");
  folder.dispose();
});

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${server.ready.http}${path}`, init);
}

function send(
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return ask(path, {
    method,
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
}

const ProblemSchema = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  fix: z.string().nullable(),
});

async function expectProblem(response: Response, status: number): Promise<z.infer<typeof ProblemSchema>> {
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = ProblemSchema.parse(await response.json());
  expect(problem.status).toBe(status);
  return problem;
}

function idsOf(list: unknown): string[] {
  return z
    .array(z.looseObject({ id: z.string() }))
    .parse(list)
    .map(({ id }) => id);
}

describe("sessions", () => {
  test("scsipub's create is answered in scsipub's shape, whatever key comes along", async () => {
    const response = await send(
      "POST",
      "/api/sessions",
      { image: "blank", size: "1G" },
      { authorization: "Bearer x" },
    );
    expect(response.status).toBe(201);
    const session = CreatedSessionSchema.parse(await response.json());
    expect(session.luns).toEqual([{ lun: 0, image: "blank", size_bytes: 2 ** 30 }]);
    const { chap_secret: _secret, ...shown } = session;
    const got = await (await ask(`/api/sessions/${session.id}`)).json();
    expect(got).toMatchObject(shown);
    expect(got).not.toHaveProperty("chap_secret");
    expect((await ask(`/api/sessions/${session.id}`, { method: "DELETE" })).status).toBe(204);
    await expectProblem(await ask(`/api/sessions/${session.id}`), 404);
  });

  test("a request that is sent again with its Idempotency-Key gives the same session, also at once", async () => {
    const key = { "idempotency-key": crypto.randomUUID() };
    const create = async (size: string) => send("POST", "/api/sessions", { image: "blank", size }, key);
    const sessions = await Promise.all(
      [create("8M"), create("8M"), create("8M")].map(async (answer) =>
        CreatedSessionSchema.parse(await (await answer).json()),
      ),
    );
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(1);
    expect([CreatedSessionSchema.parse(await (await create("8M")).json())]).toEqual(sessions.slice(0, 1));
    await expectProblem(await create("9M"), 409);
    // Removed, it is not given out any more.
    await fetch(`${server.ready.http}/api/sessions/${sessions[0]?.id}`, { method: "DELETE" });
    const again = CreatedSessionSchema.parse(await (await create("8M")).json());
    expect(again.id).not.toBe(sessions[0]?.id ?? "");
    await fetch(`${server.ready.http}/api/sessions/${again.id}`, { method: "DELETE" });
  });

  test("a list is read in pages by the links of its answers, each session once", async () => {
    const made = await Promise.all(
      Array.from({ length: 5 }, () => server.createSession({ image: "blank", size: "8M" })),
    );
    const seen: string[] = [];
    let next: string | undefined = "/api/sessions?limit=2";
    while (next !== undefined) {
      const answer = await ask(next);
      const page = z.array(z.looseObject({ id: z.string() })).parse(await answer.json());
      expect(page.length).toBeLessThanOrEqual(2);
      seen.push(...page.map(({ id }) => id));
      next = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1];
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(made.map(({ id }) => id)));
    await expectProblem(await ask("/api/sessions?limit=0"), 400);
    await Promise.all(made.map(({ id }) => ask(`/api/sessions/${id}`, { method: "DELETE" })));
  });

  test("a list that is read in pages has each of the rest once, though the last one seen is removed meanwhile", async () => {
    const made = await Promise.all(
      Array.from({ length: 6 }, () => server.createSession({ image: "blank", size: "8M" })),
    );
    const first = await ask("/api/sessions?limit=3");
    const seen = idsOf(await first.json());
    await Promise.all(seen.map((id) => ask(`/api/sessions/${id}`, { method: "DELETE" })));
    const next = /^<([^>]+)>/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
    const rest = idsOf(await (await ask(next)).json());
    expect([...seen, ...rest].toSorted()).toEqual(made.map(({ id }) => id).toSorted());
    const problem = await expectProblem(await ask(`/api/sessions?after=${seen[2]}`), 400);
    expect(problem.fix).toContain("Link header");
    await Promise.all(rest.map((id) => ask(`/api/sessions/${id}`, { method: "DELETE" })));
  });

  test("an ephemeral one says so, and one with a time to live when it ends", async () => {
    const response = await send("POST", "/api/sessions", {
      image: "blank",
      ephemeral: true,
      ttl_seconds: 3600,
    });
    const session = CreatedSessionSchema.parse(await response.json());
    expect(session.persistent).toBe(false);
    expect(Date.parse(session.expires_at ?? "") - Date.parse(session.created_at)).toBe(3_600_000);
  });

  test.each([
    ["no image", {}],
    ["both forms", { image: "blank", images: ["blank"] }],
    ["a size that is none", { image: "blank", size: "huge" }],
    ["a negative size", { image: "blank", size: -5 }],
    ["too many disks", { images: Array.from({ length: 17 }, () => "blank") }],
    ["a wrong type", { image: 5 }],
    ["no JSON", "{"],
  ])("%s is a problem document with status 400", async (_what, body) => {
    await expectProblem(await send("POST", "/api/sessions", body), 400);
  });

  test("an image that is not there is a problem that says what to do", async () => {
    const problem = await expectProblem(await send("POST", "/api/sessions", { image: "nothere" }), 404);
    expect(problem.fix).toContain("image list");
  });
});

describeWith(["root"], "a server of root", () => {
  test("does not read for the users of a computer what they cannot read themselves; its owner's command may", async () => {
    const path = join(folder.path, "secret.img");
    writeFileSync(path, new Uint8Array(2 ** 20).fill(1), { mode: 0o600 });
    const problem = await expectProblem(await send("POST", "/api/images", { path }), 403);
    expect(problem.fix).toContain("pinetboot image import");
    expect((await server.cli("image", "import", path, "--name", "secret")).code).toBe(0);
  });
});

test("blank is always among the images", async () => {
  const images = z
    .array(z.looseObject({ id: z.string(), name: z.string(), size_bytes: z.number() }))
    .parse(await (await ask("/api/images")).json());
  expect(images[0]).toMatchObject({ id: "blank", name: "blank" });
});

test("a browser that opens the first page reads text, not a download", async () => {
  const page = await ask("/");
  expect(page.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(await page.text()).toContain("/api/openapi.json");
});

test("the description of the API names every path and is version 3.1", async () => {
  const description = z
    .looseObject({ openapi: z.string(), paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
    .parse(await (await ask("/api/openapi.json")).json());
  expect(description.openapi).toBe("3.1.0");
  expect(
    Object.entries(description.paths)
      .flatMap(([path, methods]) => Object.keys(methods).map((m) => `${m} ${path}`))
      .toSorted(),
  ).toEqual([
    "delete /api/images/{id}",
    "delete /api/imports/{id}",
    "delete /api/jobs/{id}",
    "delete /api/keys/{id}",
    "delete /api/pis/{id}/customise",
    "delete /api/pis/{key}",
    "delete /api/pis/{key}/eeprom",
    "delete /api/sessions/{id}",
    "delete /api/sessions/{id}/customise",
    "delete /api/sessions/{id}/snapshots/{snapshot}",
    "get /api/catalog",
    "get /api/doctor",
    "get /api/events",
    "get /api/health",
    "get /api/images",
    "get /api/images/{id}",
    "get /api/images/{id}/data",
    "get /api/images/{id}/history",
    "get /api/imports",
    "get /api/imports/{id}",
    "get /api/jobs",
    "get /api/jobs/{id}",
    "get /api/keys",
    "get /api/network",
    "get /api/pis",
    "get /api/pis/{id}/customise",
    "get /api/pis/{key}",
    "get /api/pis/{key}/console",
    "get /api/pis/{key}/eeprom",
    "get /api/sessions",
    "get /api/sessions/{id}",
    "get /api/sessions/{id}/customise",
    "get /api/sessions/{id}/data",
    "get /api/sessions/{id}/snapshots",
    "get /api/storage",
    "patch /api/pis/{key}",
    "patch /api/sessions/{id}",
    "post /api/images",
    "post /api/images/upload",
    "post /api/images/{id}/export",
    "post /api/keys",
    "post /api/keys/link",
    "post /api/pis/actions",
    "post /api/pis/{key}/blink",
    "post /api/pis/{key}/reboot",
    "post /api/pis/{key}/reset",
    "post /api/sessions",
    "post /api/sessions/{id}/branch",
    "post /api/sessions/{id}/commit",
    "post /api/sessions/{id}/disconnect",
    "post /api/sessions/{id}/export",
    "post /api/sessions/{id}/reset",
    "post /api/sessions/{id}/restore",
    "post /api/sessions/{id}/snapshots",
    "post /api/sessions/{id}/unfence",
    "post /api/storage/gc",
    "put /api/images/upload",
    "put /api/imports/{id}/data",
    "put /api/pis/{id}/customise",
    "put /api/pis/{key}/assignment",
    "put /api/pis/{key}/eeprom",
    "put /api/sessions/{id}/customise",
  ]);
});

test("the reference for people shows every operation, needs no script, and asks nobody else", async () => {
  const answer = await ask("/api");
  expect(answer.headers.get("content-type")).toStartWith("text/html");
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
  const page = await answer.text();
  const description = z
    .object({ paths: z.record(z.string(), z.unknown()) })
    .parse(await (await ask("/api/openapi.json")).json());
  for (const path of Object.keys(description.paths)) expect(page).toContain(`</span> ${path}</a>`);
  expect(page).not.toMatch(/<script|style=|<style|(?:src|href)="(?:https?:)?\/\//);
  const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  expect(links.length).toBeGreaterThan(100);
  for (const id of links) expect(page).toContain(`id="${id}"`);
  expect((await ask("/api/reference.css")).headers.get("content-type")).toStartWith("text/css");
});

test("whatever is sent, the answer is one of the described, and never a failure of the server", async () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("blank", "1G", "8d3fa2c1", "../../etc/passwd", "\u0000"),
    fc.jsonValue(),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("/api/sessions", "/api/images", "/api/pis/8d3fa2c1/assignment"),
      fc.dictionary(
        fc.constantFrom("image", "images", "size", "path", "name", "ephemeral", "ttl_seconds", "mode"),
        word,
      ),
      async (path, body) => {
        const response = await send(path.startsWith("/api/pis") ? "PUT" : "POST", path, body);
        await response.body?.cancel();
        expect([200, 201, 202, 400, 403, 404, 409]).toContain(response.status);
      },
    ),
    { numRuns: 150 },
  );
}, 30_000);

describe("events", () => {
  test("the stream replays what was, then tells what comes, and goes on from an id", async () => {
    const before = await send("POST", "/api/sessions", { image: "blank", size: "1M" });
    const { id } = CreatedSessionSchema.parse(await before.json());
    const replayed = await nextEvent("/api/events?after=0", ({ detail }) => detail.includes(id));
    const live = nextEvent(`/api/events?after=${replayed.id}`, ({ detail }) => detail.includes("removed"));
    await ask(`/api/sessions/${id}`, { method: "DELETE" });
    expect((await live).id).toBeGreaterThan(replayed.id);
    const resumed = await nextEvent("/api/events", () => true, { "last-event-id": String(replayed.id) });
    expect(resumed.id).toBe(replayed.id + 1);
  });

  test.each(["/api/events", "/api/pis/8d3fa2c1/console"])(
    "whoever comes to %s from where nothing is kept is told to load everything anew",
    async (path) => {
      for (const after of ["5", String(Number.MAX_SAFE_INTEGER)]) {
        const response = await ask(path, { headers: { "last-event-id": after } });
        const frame = await sseFrame(response, ({ data }) => data !== "");
        expect(frame).toMatchObject({ event: "reload", data: `{"after":${after}}` });
        expect(frame.id).toBeUndefined();
      }
      // Whoever knows nothing yet has nothing to load anew.
      const fresh = await sseFrame(await ask("/api/events?after=0"), ({ data }) => data !== "");
      expect(fresh.event).toBe("message");
    },
  );
});

const EventSchema = z.object({ id: z.number(), detail: z.string() });

/** The first event of a stream that the condition holds for. */
async function nextEvent(
  path: string,
  holds: (event: z.infer<typeof EventSchema>) => boolean,
  headers: Record<string, string> = {},
): Promise<z.infer<typeof EventSchema>> {
  const response = await ask(path, { headers });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const found = text
      .split("\n\n")
      .slice(0, -1)
      .flatMap((frame) => frame.split("\n").filter((line) => line.startsWith("data: ")))
      .map((line) => EventSchema.parse(JSON.parse(line.slice("data: ".length))))
      .find(holds);
    if (found) return found;
  }
  throw new Error("the stream has ended");
}
