/** Secrets are shown once, to whoever made them, and stand nowhere else: not in the log, the events, the API, a report. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { iscsiUrl, LOOPBACK_FLAGS, runProgram, TestServer, temporaryFolder } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

const PASSWORD = "correct-horse-battery";
const WIFI = "staple-wifi-password";
/** One is given wishes with passwords in them, the other comes up with its disk. */
const [WISHED, PLAIN] = ["serial=10000000abcdef12&boot=b1", "serial=10000000abcdef34&boot=b1"];

describeWith(["qemu-io", "bash"], "the secrets of a whole flow", () => {
  const folder = temporaryFolder("secrets");
  const log = join(folder.path, "server.log");
  let server: TestServer;

  beforeAll(async () => {
    // Everything that the server says, on either stream, with whatever is said to somebody who looks for a fault.
    const run = ["bash", "-c", `exec "$@" 2>>'${log}' > >(tee -a '${log}')`, "bash"];
    const flags = LOOPBACK_FLAGS.map((word) => (word === "127.0.0.1:0" ? "0.0.0.0:0" : word));
    const env = { PINETBOOT_TRACE: "1", DEBUG: "*" };
    server = await TestServer.start({ data: join(folder.path, "data"), flags, run, env });
  });
  afterAll(async () => {
    await server.stop("SIGKILL");
    folder.dispose();
  });

  test("are in no answer, event, log line or report afterwards", async () => {
    const Key = z.looseObject({ key: z.string() });
    const { key } = await server.json(Key, "key", "create", "rig");
    const { url } = await server.json(z.object({ url: z.string() }), "key", "link");
    const cookie = (await fetch(url)).headers.get("set-cookie") ?? "";
    const browser = /^pinetboot=([\w-]+);/.exec(cookie)?.[1] ?? "";
    const at = `http://127.0.0.1:${new URL(server.ready.http ?? "").port}`;
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const send = (method: string, path: string, body?: object) =>
      fetch(`${at}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });

    const image = join(folder.path, "tiny.img");
    await Bun.write(image, new Uint8Array(2 ** 20).fill(7));
    await server.json(z.unknown(), "image", "import", image, "--name", "tiny");
    const Session = z.looseObject({
      id: z.string(),
      iqn: z.string(),
      portal: z.string(),
      chap_user: z.string(),
      chap_secret: z.string(),
    });
    const made = await send("POST", "/api/sessions", { image: "tiny" });
    const session = Session.parse(await made.json());
    const used = iscsiUrl(session, { portal: `127.0.0.1:${session.portal.split(":").at(-1)}` });
    expect((await runProgram(["qemu-io", "-f", "raw", "-c", "write 0 4k", used])).code).toBe(0);
    // A login with a wrong secret is told, with neither.
    await runProgram([
      "qemu-io",
      "-f",
      "raw",
      "-c",
      "read 0 4k",
      used.replace(session.chap_secret, "wrong-secret-99"),
    ]);

    for (const pi of [WISHED, PLAIN]) {
      const question = new AbortController();
      const asked = fetch(`http://${server.ready.report}/v1/parameters?${pi}`, { signal: question.signal });
      await server.step(({ pi: who, stage }) => stage === "parameters" && pi.includes(`${who}&`));
      question.abort();
      await asked.catch(() => undefined);
    }
    const wifi = { ssid: "home", password: WIFI, country: "DE" };
    const customise = { hostname: "kitchen", user: "me", password: PASSWORD, wifi };
    for (const [pi, body] of [
      ["abcdef12", { image: "tiny", customise }],
      ["abcdef34", { image: "tiny" }],
    ] as const)
      expect((await send("PUT", `/api/pis/${pi}/assignment`, body)).status).toBe(200);
    const told = await (await fetch(`http://${server.ready.report}/v1/parameters?${PLAIN}`)).text();
    const login = /^iscsi\.password=(.+)$/m.exec(told)?.[1] ?? "";
    await (await fetch(`http://${server.ready.report}/v1/parameters?${WISHED}`)).text();
    const failed = `${PLAIN}&stage=login&state=fail&detail=no`;
    await fetch(`http://${server.ready.report}/v1/report`, { method: "POST", body: failed });

    const secrets = {
      key,
      browser,
      link: new URL(url).searchParams.get("token") ?? "",
      session: session.chap_secret,
      login,
      PASSWORD,
      WIFI,
      wrong: "wrong-secret-99",
    };
    for (const secret of Object.values(secrets)) expect(secret.length).toBeGreaterThan(8);

    // Now everything that can be read.
    const { paths } = z
      .object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(await (await send("GET", "/api/openapi.json")).json());
    const report = join(folder.path, "report.json");
    const commands = [
      ["session", "list"],
      ["session", "info", session.id, "--json"],
      ["pi", "list"],
      ["key", "list"],
    ];
    const said = new Map(
      await Promise.all([
        server
          .cli("doctor", "--report", report)
          .then(async () => ["the report", await Bun.file(report).text()] as const),
        ...commands.map(async (words) => [words.join(" "), (await server.cli(...words)).stdout] as const),
        ...readable(paths, session.id).map(async (path) => {
          const response = await fetch(`${at}${path}`, { headers });
          return [path, STREAMS.test(path) ? await firstWords(response) : await response.text()] as const;
        }),
      ]),
    );
    expect(said.get("/api/events?after=0")).toContain("tiny is in the library");
    said.set("the log", await Bun.file(log).text());
    expect(said.get("the log")).toContain(session.id);
    const found = [...said].flatMap(([where, text]) =>
      Object.entries(secrets).flatMap(([name, secret]) =>
        text.includes(secret) ? [`${name} in ${where}`] : [],
      ),
    );
    expect(found).toEqual([]);
  }, 180_000);
});

const STREAMS = /events|console/;

/** Every GET of the API, about this session and the Pi with wishes; the contents of disks aside. */
function readable(paths: Record<string, Record<string, unknown>>, session: string): readonly string[] {
  return Object.entries(paths)
    .filter(([path, { get }]) => get !== undefined && !path.endsWith("/data"))
    .map(([path]) => path.replace("/sessions/{id}", `/sessions/${session}`))
    .map((path) => path.replace(/\{key\}|(?<=pis\/)\{id\}/, "abcdef12"))
    .filter((path) => !path.includes("{"))
    .map((path) => (STREAMS.test(path) ? `${path}?after=0` : path));
}

/** What a stream says until its first heartbeat: all that it replays. */
async function firstWords(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    if (text.includes(": still here")) return text;
  }
  return text;
}
