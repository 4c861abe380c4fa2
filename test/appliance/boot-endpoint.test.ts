/** The boot endpoint as the shim speaks to it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { LOOPBACK_FLAGS, qemuIo, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

const SERIAL = "100000008d3fa2c1";
const KEY = "8d3fa2c1";
/** Longer than Bun keeps a silent connection. */
const SILENCE_MS = 12_000;

let folder = temporaryFolder("boot");
let server: TestServer;

async function start(...flags: string[]): Promise<void> {
  server = await TestServer.start({ data: join(folder.path, "data"), flags: [...LOOPBACK_FLAGS, ...flags] });
}

/** An image of 4 MiB that begins with a pattern. */
async function importImage(name: string, byte: number): Promise<string> {
  const path = join(folder.path, `${name}.img`);
  const bytes = new Uint8Array(4 * 2 ** 20);
  bytes.fill(byte, 0, 65_536);
  await Bun.write(path, bytes);
  const { id } = await server.json(z.object({ id: z.string() }), "image", "import", path, "--name", name);
  return id;
}

type Answer = Record<string, string>;

async function ask(change: Record<string, string> = {}, signal?: AbortSignal): Promise<Answer> {
  const query = new URLSearchParams({
    serial: SERIAL,
    mac: "dc:a6:32:01:36:c2",
    boot: "boot-1",
    model: "Raspberry Pi 4 Model B",
    ...change,
  });
  const response = await fetch(
    `http://${server.ready.report}/v1/parameters?${query}`,
    signal ? { signal } : {},
  );
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${text}`);
  return Object.fromEntries(
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

function urlOf(answer: Answer): string {
  return `iscsi://${answer["iscsi.username"]}%${answer["iscsi.password"]}@${answer["iscsi.ip"]}:${answer["iscsi.port"]}/${answer["iscsi.target"]}/${answer["iscsi.lun"]}`;
}

const report = (change: Record<string, string>) =>
  fetch(`http://${server.ready.report}/v1/report`, {
    method: "POST",
    body: new URLSearchParams({
      serial: SERIAL,
      mac: "",
      boot: "boot-1",
      stage: "kernel",
      state: "ok",
      ...change,
    }),
  });

beforeEach(() => {
  folder = temporaryFolder("boot");
});
afterEach(async () => {
  await server.stop("SIGKILL");
  folder.dispose();
});

test("a Pi that nobody has chosen for waits, and goes on as soon as someone has", async () => {
  await start();
  await importImage("one", 1);
  const answer = ask();
  const waiting = await server.step(({ stage, state }) => stage === "parameters" && state === "progress");
  expect(waiting.fix).toBe(`pinetboot pi assign ${KEY} --image IMAGE`);
  const [seen] = await server.json(z.array(z.record(z.string(), z.unknown())), "pi", "list");
  expect(seen).toMatchObject({ key: KEY, model: "Raspberry Pi 4 Model B", serial: SERIAL, assignment: null });
  expect((await server.cli("pi", "assign", SERIAL, "--image", "one")).code).toBe(0);
  const ready = await answer;
  expect(ready).toMatchObject({
    state: "ready",
    "iscsi.ip": "127.0.0.1",
    "iscsi.port": server.ready.iscsi?.split(":")[1],
    "iscsi.lun": "0",
    "iscsi.mode": "pivot",
  });
  expect(Math.abs(Number(ready["clock"]) - Date.now() / 1000)).toBeLessThan(5);
});

test("a Pi whose screen does not say yet what it waits for is told at once", async () => {
  await start();
  const told = await ask({ seen: "" });
  expect(told["state"]).toBe("waiting");
  expect(told["message"]).toContain(`pinetboot pi assign ${KEY} --image IMAGE`);
  await importImage("one", 1);
  const held = ask({ seen: told["message"] ?? "" });
  await server.cli("pi", "assign", KEY, "--image", "one");
  expect((await held)["state"]).toBe("ready");
});

test("a Pi gets the same disk at each boot, and the next Pi a disk of its own", async () => {
  await start("--adopt", "default");
  await importImage("one", 1);
  const first = await ask();
  expect(await ask({ boot: "boot-2" })).toEqual({ ...first, clock: expect.any(String) });
  const second = await ask({ serial: "100000000000beef", mac: "dc:a6:32:00:00:01" });
  expect(second["state"]).toBe("ready");
  expect(second["iscsi.target"]).not.toBe(first["iscsi.target"]);
  expect(second["iscsi.password"]).not.toBe(first["iscsi.password"]);
});

test("an unknown Pi is refused with --adopt off, one that was chosen for is not", async () => {
  await start("--adopt", "off");
  await importImage("one", 1);
  expect((await ask())["state"]).toBe("refused");
  await server.cli("pi", "assign", KEY, "--image", "one");
  expect((await ask())["state"]).toBe("ready");
});

test("reports become events of that Pi, and pi wait sees them", async () => {
  await start();
  const wait = server.cli("pi", "wait", SERIAL, "--until", "login", "--timeout", "15s", "--since", "10s");
  expect((await report({ stage: "kernel", detail: "up" })).status).toBe(204);
  expect((await report({ stage: "login", state: "ok", detail: "in" })).status).toBe(204);
  expect(await wait).toMatchObject({ code: 0, stdout: expect.stringContaining("has reached login") });
  expect(server.steps).toContainEqual(
    expect.objectContaining({ pi: KEY, stage: "login", state: "ok", detail: "in" }),
  );
});

test("pi wait ends with the last words about a Pi that comes no further", async () => {
  await start();
  await report({ stage: "root", state: "fail", detail: "no Linux partition", fix: "choose another image" });
  const wait = await server.cli("pi", "wait", KEY, "--timeout", "3s", "--since", "1m", "--json");
  expect(wait.code).toBe(4);
  expect(JSON.parse(wait.stderr)).toEqual({
    error: {
      code: "boot-failed",
      message: `Pi ${KEY} stopped at root: no Linux partition`,
      fix: "choose another image",
    },
  });
});

test("pi wait waits through a long silence", async () => {
  await start();
  const wait = server.cli("pi", "wait", KEY, "--until", "kernel", "--timeout", "30s");
  await Bun.sleep(SILENCE_MS);
  await report({ stage: "kernel" });
  expect((await wait).code).toBe(0);
}, 40_000);

test("nonsense is answered with its status and nothing happens", async () => {
  await start();
  const at = `http://${server.ready.report}`;
  const status = async (path: string, init?: RequestInit) => (await fetch(at + path, init)).status;
  expect(await status("/v1/parameters")).toBe(400);
  expect(await status("/v1/parameters?serial=zz&mac=1&boot=x")).toBe(400);
  expect(await status("/v1/parameters?serial=8d3fa2c1", { method: "POST" })).toBe(404);
  expect(await status("/api/sessions")).toBe(404);
  expect(await status("/v1/report", { method: "POST", body: "stage=kernel" })).toBe(400);
  expect(await status("/v1/report", { method: "POST", body: "x".repeat(100_000) })).toBe(413);
  expect((await report({ stage: "server" })).status).toBe(400);
  expect(server.steps).toEqual([]);
});

test("one host cannot wash everyone's events away", async () => {
  await start();
  const answers = await Promise.all(Array.from({ length: 200 }, () => report({ detail: "again" })));
  expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(100);
});

describeWith(["qemu-io"], "with an initiator", () => {
  test("an ephemeral Pi begins with the image again at a new boot, and a relogin of the same boot keeps what it wrote", async () => {
    await start();
    await importImage("one", 1);
    await server.cli("pi", "assign", KEY, "--image", "one", "--ephemeral");
    const url = urlOf(await ask());
    expect((await qemuIo(url, "read -P 1 0 64k", "write -P 7 0 64k", "flush")).code).toBe(0);
    expect(urlOf(await ask())).toBe(url);
    expect((await qemuIo(url, "read -P 7 0 64k")).code).toBe(0);
    expect(urlOf(await ask({ boot: "boot-2" }))).toBe(url);
    expect((await qemuIo(url, "read -P 1 0 64k")).code).toBe(0);
  });

  test("a Pi whose image is persistent keeps what it wrote over boots", async () => {
    await start("--adopt", "default");
    await importImage("one", 1);
    const url = urlOf(await ask());
    expect((await qemuIo(url, "write -P 7 0 64k", "flush")).code).toBe(0);
    await ask({ boot: "boot-2" });
    expect((await qemuIo(url, "read -P 7 0 64k")).code).toBe(0);
  });

  test("another machine that says to be a Pi whose disk is in use is held, and it is said where from", async () => {
    await start("--adopt", "default");
    await importImage("one", 1);
    const url = urlOf(await ask());
    const holder = Bun.spawn(["qemu-io", "-f", "raw", url], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
    });
    try {
      await server.step(({ stage, state }) => stage === "login" && state === "ok");
      // The same machine, from another of its addresses: the wire tells no MAC for loopback.
      const other = Bun.spawn(
        [
          "curl",
          "-s",
          "--interface",
          "127.0.0.2",
          `http://${server.ready.report}/v1/parameters?serial=${SERIAL}&boot=boot-9`,
        ],
        { stdout: "pipe" },
      );
      const held = await server.step(
        ({ stage, detail }) => stage === "parameters" && detail.includes("in use from 127.0.0.1"),
      );
      expect(held.pi).toBe(KEY);
      holder.kill("SIGKILL");
      expect(await new Response(other.stdout).text()).toContain("state=ready");
    } finally {
      holder.kill("SIGKILL");
      await holder.exited;
    }
  });

  test("an image that a Pi or a session needs is not removed", async () => {
    await start();
    await importImage("one", 1);
    await server.cli("pi", "assign", KEY, "--image", "one");
    const refused = await server.cli("image", "remove", "one", "--json");
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stderr)).toMatchObject({
      error: { code: "in-use", message: expect.stringContaining(KEY) },
    });
  });
});
