/** What strangers may not do with the page, the API, the boot endpoint and the socket: each way in, tried. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Lab } from "../sim/net/lab.ts";
import { LOOPBACK_FLAGS, runProgram, TestServer, temporaryFolder } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

/** Open to the network, so that a key is wanted. */
const OPEN_FLAGS = LOOPBACK_FLAGS.map((word) => (word === "127.0.0.1:0" ? "0.0.0.0:0" : word));
const ProblemSchema = z.looseObject({ code: z.string(), detail: z.string() });

const folder = temporaryFolder("safety");
let server: TestServer;
/** Open to the network. */
let open: TestServer;

beforeAll(async () => {
  [server, open] = await Promise.all([
    TestServer.start({ data: join(folder.path, "data") }),
    TestServer.start({ data: join(folder.path, "open"), flags: OPEN_FLAGS }),
  ]);
});
afterAll(async () => {
  await Promise.all([server.stop(), open.stop()]);
  folder.dispose();
});

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${server.ready.http}${path}`, init);
const atOpen = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${new URL(open.ready.http ?? "").port}${path}`, { headers });

async function code(answer: Promise<Response>): Promise<string> {
  const response = await answer;
  return `${response.status} ${ProblemSchema.parse(await response.json()).code}`;
}

describe("a website in the person's browser", () => {
  test.each([
    "evil.example",
    "evil.example:8080",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "10.255.255.254",
  ])("that points its name at this computer is not answered as %s", async (host) => {
    expect(await code(ask("/api/sessions", { headers: { host } }))).toBe("421 wrong-host");
    expect((await ask("/", { headers: { host, accept: "text/html" } })).status).toBe(421);
  });

  test.each(["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])(
    "may not send anything from %s",
    async (origin) => {
      const init = { method: "POST", body: '{"image":"blank"}', headers: { origin } };
      for (const type of ["application/json", "text/plain"])
        expect(await code(ask("/api/sessions", { ...init, headers: { origin, "content-type": type } }))).toBe(
          "403 wrong-origin",
        );
    },
  );

  test("may not read or start anything by a picture, a script or a form, which browsers send without an origin", async () => {
    for (const site of ["cross-site", "same-site"])
      for (const path of ["/api/doctor", "/api/events", "/api/sessions", "/page/main.js"]) {
        const headers = { "sec-fetch-site": site, "sec-fetch-mode": "no-cors" };
        expect(await code(ask(path, { headers }))).toBe("403 wrong-origin");
      }
    // A link on some other page that leads here is a person's own step.
    const followed = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", accept: "text/html" };
    expect((await ask("/", { headers: followed })).status).toBe(200);
    const own = {
      "sec-fetch-site": "same-origin",
      "sec-fetch-mode": "cors",
      origin: server.ready.http ?? "",
    };
    expect((await ask("/api/health", { headers: own })).status).toBe(200);
  });

  test("cannot have a form's body taken for a document", async () => {
    const init = { method: "POST", body: '{"image":"blank"}', headers: { "content-type": "text/plain" } };
    expect(await code(ask("/api/sessions", init))).toBe("415 bad-request");
  });
});

test("every answer says what a browser may do with it, refusals too", async () => {
  const answers = await Promise.all([
    ask("/", { headers: { accept: "text/html" } }),
    ask("/page/main.js"),
    ask("/api"),
    ask("/api/sessions"),
    ask("/api/sessions/nothere"),
    ask("/nothing"),
    ask("/api/sessions", { headers: { host: "evil.example" } }),
    atOpen("/api/sessions"),
    atOpen("/login?token=wrong"),
  ]);
  for (const { headers } of answers) {
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toStartWith("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toMatch(/unsafe|\*|data:|https?:/);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(Object.fromEntries(headers)).toMatchObject({
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-resource-policy": "same-origin",
    });
  }
  // Answers hold names, addresses and, once, secrets: no browser keeps them.
  expect((await ask("/api/sessions")).headers.get("cache-control")).toBe("no-store");
});

describe("a server that is open to the network", () => {
  test("wants a key, which can be taken back", async () => {
    expect(await code(atOpen("/api/sessions"))).toBe("401 key-needed");
    expect(await code(atOpen("/api/openapi.json"))).toBe("401 key-needed");
    expect((await atOpen("/", { accept: "text/html" })).status).toBe(401);
    const Key = z.looseObject({ id: z.string(), key: z.string() });
    const { id, key } = await open.json(Key, "key", "create", "rig");
    const authorization = `Bearer ${key}`;
    expect((await atOpen("/api/sessions", { authorization })).status).toBe(200);
    expect((await open.cli("key", "list")).stdout).toContain("rig");
    expect((await open.cli("key", "remove", id)).code).toBe(0);
    expect(await code(atOpen("/api/sessions", { authorization }))).toBe("401 key-needed");
    // By the socket its owner needs none.
    expect((await open.cli("session", "list")).code).toBe(0);
  });

  test("lets one browser in by a link of the terminal, once, by a cookie that other sites cannot use", async () => {
    const { url } = await open.json(z.object({ url: z.string() }), "key", "link");
    const first = await fetch(url);
    const cookie = first.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^pinetboot=[\w-]{32}; .*HttpOnly; SameSite=Strict$/);
    const headers = { cookie: cookie.split(";")[0] ?? "" };
    const sessions = new URL("/api/sessions", url);
    expect((await fetch(sessions, { headers })).status).toBe(200);
    expect(await code(fetch(url))).toBe("401 key-needed");
    expect(await code(fetch(sessions))).toBe("401 key-needed");
  });
});

test("who tries many keys waits, also with the right one", async () => {
  const tried = await TestServer.start({ data: join(folder.path, "tries"), flags: OPEN_FLAGS });
  try {
    const { key } = await tried.json(z.looseObject({ key: z.string() }), "key", "create", "rig");
    const at = `http://127.0.0.1:${new URL(tried.ready.http ?? "").port}/api/health`;
    const status = async (said: string): Promise<number> =>
      (await fetch(at, { headers: { authorization: `Bearer ${said}` } })).status;
    for (let tries = 0; tries < 10; tries++) expect(await status("wrong")).toBe(401);
    expect(await status(key)).toBe(429);
  } finally {
    await tried.stop("SIGKILL");
  }
});

describe("sizes", () => {
  test("a document that is too large is refused, and so is one whose length nobody says", async () => {
    const headers = { "content-type": "application/json" };
    const large = `{"image":"${"x".repeat(2 ** 21)}"}`;
    const send = (body: BodyInit) => ask("/api/sessions", { method: "POST", headers, body });
    expect((await send(large)).status).toBe(413);
    expect((await send(new Blob([large]).stream())).status).toBe(413);
  });

  test("an upload that is announced as larger than any disk ends with its first bytes, and leaves nothing", async () => {
    const body = JSON.stringify({ upload: { file: "huge.img", size_bytes: 2 ** 50 } });
    const headers = { "content-type": "application/json" };
    const begun = await ask("/api/images", { method: "POST", headers, body });
    const { id } = z.looseObject({ id: z.string() }).parse(await begun.json());
    await ask(`/api/imports/${id}/data`, { method: "PUT", body: new Uint8Array(2 ** 16) });
    await server.step(({ state, detail }) => state === "fail" && detail.includes("larger than 1024 GiB"));
    expect(await (await ask("/api/images")).json()).toHaveLength(1);
  });
});

describe("the boot endpoint", () => {
  test("does none of what the API does", async () => {
    const description = z
      .object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(await (await ask("/api/openapi.json")).json());
    const routes = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
    );
    expect(routes.length).toBeGreaterThan(40);
    const others = ["/", "/page/main.js", "/login", "/v1", "/v1/", "/v1/modules/../../etc/passwd"];
    const all = [...routes, ...others.map((path) => ({ path, method: "GET" }))];
    const statuses = await Promise.all(
      all.map(async ({ path, method }) => {
        const answer = await fetch(`http://${server.ready.report}${path}`, {
          method,
          ...(method !== "GET" && { body: "{}" }),
        });
        return { path, method, status: answer.status };
      }),
    );
    expect(statuses.filter(({ status }) => status !== 404)).toEqual([]);
  });

  test("tells a Pi its own login alone, and takes no more than a report", async () => {
    const at = `http://${server.ready.report}/v1`;
    const pi = "serial=10000000abcdef12&boot=b1";
    expect((await fetch(`${at}/parameters`)).status).toBe(400);
    expect((await fetch(`${at}/parameters?${pi}`, { method: "POST", body: "x" })).status).toBe(404);
    const report = { method: "POST", body: `${pi}&stage=kernel&state=ok&detail=${"x".repeat(2 ** 15)}` };
    expect((await fetch(`${at}/report`, report)).status).toBe(413);
    const unknown = { method: "POST", body: `${pi}&stage=root-shell&state=ok` };
    expect((await fetch(`${at}/report`, unknown)).status).toBe(400);
  });
});

describeWith(["root", "socat"], "by default", () => {
  test("another machine reaches the disks, and neither the page nor the API", async () => {
    const lab = new Lab("safety");
    const host = lab.addHost("laptop", { address: "10.0.0.2/24" });
    const peer = lab.addHost("peer", { address: "10.0.0.9/24" });
    const flags = ["--interface", "eth0", "--dhcp", "off", "--no-shim-build"];
    const served = await TestServer.start({ data: join(folder.path, "default"), run: host.run, flags });
    try {
      const knock = (port: number) =>
        runProgram([...peer.run, "socat", "-u", "OPEN:/dev/null", `TCP:10.0.0.2:${port},connect-timeout=5`]);
      expect(served.ready.http).toBe("http://127.0.0.1:8080");
      expect((await knock(3260)).code).toBe(0);
      expect((await knock(8080)).stderr).toContain("refused");
    } finally {
      await served.stop("SIGKILL");
      await lab.dispose();
    }
  });
});

describeWith(["root", "setpriv", "curl"], "a server that was started with sudo", () => {
  /** Nobody's on any machine; one who called sudo, and a stranger. */
  const [CALLER, STRANGER] = [61_234, 61_235];

  test("gives its socket and its folder to who called it, and to nobody else", async () => {
    chmodSync(folder.path, 0o711);
    const env = { SUDO_UID: String(CALLER), SUDO_GID: String(CALLER), SUDO_USER: "caller" };
    const data = join(folder.path, "sudo");
    const ours = await TestServer.start({ data, env });
    try {
      const socket = join(data, "pinetboot.sock");
      const { uid, mode } = statSync(socket);
      expect({ uid, mode: mode & 0o777 }).toEqual({ uid: CALLER, mode: 0o600 });
      expect(statSync(data)).toMatchObject({ uid: CALLER, mode: 0o40700 });
      const as = (user: number) =>
        runProgram([
          "setpriv",
          `--reuid=${user}`,
          `--regid=${user}`,
          "--clear-groups",
          "curl",
          "--silent",
          "--show-error",
          "--unix-socket",
          socket,
          "http://localhost/api/keys",
        ]);
      expect(await as(CALLER)).toMatchObject({ code: 0, stdout: "[]" });
      expect(await as(STRANGER)).toMatchObject({ code: 7, stdout: "" });
      // The folder opened for all, the socket still keeps its own door.
      chmodSync(data, 0o711);
      expect(await as(STRANGER)).toMatchObject({ code: 7, stdout: "" });
      // The process itself is the caller's: what it writes and starts has that user's rights.
      const status = await Bun.file(`/proc/${ours.pid}/status`).text();
      expect(status).toContain(`Uid:\t${CALLER}\t${CALLER}\t${CALLER}\t${CALLER}`);
    } finally {
      await ours.stop("SIGKILL");
    }
  });
});
