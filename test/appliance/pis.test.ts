/** Pis by name, by group, all of them; what they are asked while they wait; what they say on their consoles. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { FakeShim } from "../support/shim.ts";
import { sseFrame } from "../support/sse.ts";

const PiSchema = z.looseObject({
  key: z.string(),
  label: z.string().nullable(),
  group: z.string().nullable(),
  assignment: z.looseObject({ image: z.string(), persistent: z.boolean() }).nullable(),
});
const ResultsSchema = z.object({
  results: z.array(
    z.object({ pi: z.string(), done: z.boolean(), detail: z.string(), fix: z.string().nullable() }),
  ),
});
const ErrorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), fix: z.string().nullable() }),
});

const folder = temporaryFolder("pis");
let server: TestServer;
let shim: FakeShim;

beforeAll(async () => {
  server = await TestServer.start({ data: join(folder.path, "data") });
  shim = new FakeShim(server.ready.report ?? "");
  const image = join(folder.path, "one.img");
  await Bun.write(image, new Uint8Array(2 ** 20).fill(1));
  expect((await server.cli("image", "import", image, "--name", "one")).code).toBe(0);
});
afterAll(async () => {
  await server.stop("SIGKILL");
  folder.dispose();
});

const api = (method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${server.ready.http}/api${path}`, {
    method,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    }),
  });
const act = async (body: object): Promise<z.infer<typeof ResultsSchema>["results"]> =>
  ResultsSchema.parse(await (await api("POST", "/pis/actions", body)).json()).results;

/** Asks as a shim does until it waits, and resolves then. */
async function waits(pi: FakeShim): Promise<{ readonly answer: Promise<Record<string, string>> }> {
  const { message = "" } = await pi.ask({ seen: "" });
  const from = server.steps.length;
  const answer = pi.ask({ seen: message });
  await server.step(
    (step) => server.steps.indexOf(step) >= from && step.stage === "parameters" && step.state === "progress",
  );
  return { answer };
}

test("a Pi is given a name and a group before it was seen, keeps both, and is called by its name", async () => {
  await server.json(ResultsSchema, "pi", "set", "00000001", "--name", "rack3-left", "--group", "lab");
  const pi = PiSchema.parse(await (await api("GET", "/pis/rack3-left")).json());
  expect(pi).toMatchObject({ key: "00000001", label: "rack3-left", group: "lab" });
  await new FakeShim(server.ready.report ?? "", { serial: "1000000000000001", mac: "dc:a6:32:00:00:01" }).ask(
    { seen: "" },
  );
  expect(PiSchema.parse(await (await api("GET", "/pis/00000001")).json())).toMatchObject({
    label: "rack3-left",
    group: "lab",
  });
  expect((await server.cli("pi", "list")).stdout).toMatch(/rack3-left +lab/);
  expect((await api("PATCH", "/pis/00000002", { label: "rack3-left" })).status).toBe(409);
  expect((await api("PATCH", "/pis/00000002", { label: "8d3fa2c1" })).status).toBe(400);
  expect((await api("PATCH", "/pis/00000002", { group: "a b" })).status).toBe(400);
  expect((await api("PATCH", "/pis/00000002", { label: "<b>\u0007" })).status).toBe(400);
});

test("an image is chosen for a group with one command, and what fails with one does not keep it from the others", async () => {
  await act({ pis: ["00000011", "00000012"], action: "set", set: { group: "rack" } });
  const chosen = await server.json(
    ResultsSchema,
    "pi",
    "assign",
    "--group",
    "rack",
    "--image",
    "one",
    "--ephemeral",
  );
  expect(chosen.results).toEqual([
    { pi: "00000011", done: true, detail: "Boots one from now on", fix: null },
    { pi: "00000012", done: true, detail: "Boots one from now on", fix: null },
  ]);
  const pi = PiSchema.parse(await (await api("GET", "/pis/00000012")).json());
  expect(pi.assignment).toMatchObject({ persistent: false });
  const mixed = await act({ pis: ["00000011", "nobody"], action: "assign", assign: { image: "one" } });
  expect(mixed.map(({ done }) => done)).toEqual([true, false]);
  expect((await server.cli("pi", "assign", "--group", "rack", "--image", "nothere")).code).toBe(1);
  expect((await api("POST", "/pis/actions", { group: "nothere", action: "reset" })).status).toBe(404);
  expect((await api("POST", "/pis/actions", { group: "rack", all: true, action: "reset" })).status).toBe(400);
  expect((await server.cli("pi", "assign", "--image", "one")).code).not.toBe(0);
  expect((await act({ group: "rack", action: "forget" })).every(({ done }) => done)).toBe(true);
  expect((await api("GET", "/pis/00000011")).status).toBe(404);
});

test("a Pi that waits is told at once to blink, and to restart; the words of the command say so", async () => {
  const blinking = await waits(shim);
  const told = await server.json(ResultsSchema, "pi", "blink", shim.key);
  expect(told.results).toEqual([
    { pi: shim.key, done: true, detail: "It is told to blink its LED now", fix: null },
  ]);
  expect(await blinking.answer).toMatchObject({ state: "waiting", do: "blink" });
  const restarting = await waits(shim);
  expect((await api("POST", `/pis/${shim.key}/reboot`)).status).toBe(200);
  expect(await restarting.answer).toMatchObject({ do: "reboot" });
  expect(await shim.ask({ seen: "" })).not.toHaveProperty("do");
});

test("a Pi that has gone on to its own system cannot be told, and that is said with what to do instead", async () => {
  const { answer } = await waits(shim);
  expect((await server.cli("pi", "assign", shim.key, "--image", "one")).code).toBe(0);
  expect(await answer).toMatchObject({ state: "ready" });
  const refused = await server.cli("pi", "reboot", shim.key, "--json");
  expect(refused.code).toBe(1);
  const { error } = ErrorSchema.parse(JSON.parse(refused.stderr));
  expect(error.message).toContain("its own system, where nothing of pinetboot listens");
  expect(error.fix).toContain("sudo reboot");
  const results = await act({ all: true, action: "blink" });
  expect(results.find(({ pi }) => pi === shim.key)).toMatchObject({ done: false });
});

test("reset begins the disk of a Pi anew, by one word for all", async () => {
  const [, , one] = await Promise.all([
    api("PATCH", `/pis/${shim.key}`, { group: "lab" }),
    api("PATCH", "/pis/00000001", { group: "lab" }),
    api("GET", `/pis/${shim.key}`),
  ]);
  expect(one.status).toBe(200);
  const { results } = await server.json(ResultsSchema, "pi", "reset", "--group", "lab");
  expect(results).toContainEqual({
    pi: shim.key,
    done: true,
    detail: "Its disk begins with its image again",
    fix: null,
  });
  expect(results).toContainEqual({ pi: "00000001", done: true, detail: "It has no disk yet", fix: null });
});

test("what a Pi sends of its console is a stream of lines, replayed and live, without terminal codes", async () => {
  const path = `${server.ready.http}/api/pis/${shim.key}/console`;
  expect((await shim.console("[    0.000000] Booting Linux\n\u001b[31mhalf ")).status).toBe(204);
  const replayed = await sseFrame(await fetch(`${path}?after=0`), () => true);
  expect(JSON.parse(replayed.data)).toMatchObject({ text: "[    0.000000] Booting Linux" });
  const live = await fetch(path, { headers: { "last-event-id": replayed.id ?? "" } });
  expect((await shim.console("a line\n")).status).toBe(204);
  expect(JSON.parse((await sseFrame(live, () => true)).data)).toMatchObject({ text: "half a line" });
});

test("the boot endpoint takes no more of a console than a shim sends, and from nobody without a name", async () => {
  const endpoint = `http://${server.ready.report}/v1/console`;
  const long = await fetch(`${endpoint}?serial=${shim.identity.serial}&boot=b`, {
    method: "POST",
    body: "x".repeat(20_000),
  });
  expect(long.status).toBe(413);
  expect((await fetch(endpoint, { method: "POST", body: "x" })).status).toBe(400);
  let refused = 0;
  for (let n = 0; n < 60; n++) if ((await shim.console("flood\n")).status === 429) refused++;
  expect(refused).toBeGreaterThan(0);
});
