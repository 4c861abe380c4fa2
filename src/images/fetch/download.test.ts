/** Fetching from servers that cut, stall, redirect, lie and change their minds. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, statSync, utimesSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { temporaryFolder } from "../../../test/support/temporary.ts";
import { ImageError } from "../image-error.ts";
import { download } from "./download.ts";
import { parseUrl, shownUrl } from "./get.ts";
import { REDIRECTS_MAX, type FetchLimits } from "./limits.ts";
import { PART_KEPT_MS, PartFile, sweepParts } from "./part-file.ts";

// A machine that is busy with other things takes its time.
setDefaultTimeout(60_000);

const scratch = temporaryFolder("download");
let folder = "";
let count = 0;
const LIMITS: FetchLimits = { answerMs: 300, stallMs: 300, stallBytes: 64, attempts: 3, retryMs: 5 };
const CONTENT = crypto.getRandomValues(new Uint8Array(300_000));

interface Asked {
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  /** First byte that is asked for. */
  readonly from: number;
  /** Of this path, from 1 on. */
  readonly times: number;
}

type Reply = (socket: Socket, asked: Asked) => void;

let server: Server | undefined;
const sockets = new Set<Socket>();
beforeEach(() => {
  folder = join(scratch, `parts-${(count += 1)}`);
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server?.close();
  cuts.length = 0;
});

/** A server of our own making, so that it can do what no real one would. */
async function serve(reply: Reply): Promise<{ readonly url: string; readonly asked: Asked[] }> {
  const asked: Asked[] = [];
  const listening = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("data", (data) => {
      const [first = "", ...lines] = data.toString().split("\r\n");
      const headers = new Map(
        lines.map((line) => [line.split(": ")[0]?.toLowerCase() ?? "", line.split(": ")[1] ?? ""]),
      );
      const path = first.split(" ")[1] ?? "";
      const from = Number(/bytes=(\d+)-/.exec(headers.get("range") ?? "")?.[1] ?? 0);
      const one = { path, headers, from, times: asked.filter((other) => other.path === path).length + 1 };
      asked.push(one);
      reply(socket, one);
    });
  });
  server = listening;
  await new Promise<void>((resolve) => {
    listening.listen(0, "127.0.0.1", resolve);
  });
  const address = listening.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, asked };
}

interface Sent {
  readonly content?: Uint8Array;
  readonly status?: string;
  readonly headers?: readonly string[];
  /** Bytes of the body after which the connection is cut, as soon as they have arrived. */
  readonly cut?: number;
  readonly length?: number;
}

/** Sends what is asked for, as an honest server with `ETag` and Range would; `change` makes it another. */
function send(socket: Socket, { from }: Asked, change: Sent = {}): void {
  const content = change.content ?? CONTENT;
  const body = content.subarray(from);
  const head = [
    `HTTP/1.1 ${change.status ?? (from > 0 ? "206 Partial" : "200 OK")}`,
    `content-length: ${change.length ?? body.byteLength}`,
    ...(from > 0 ? [`content-range: bytes ${from}-${content.byteLength - 1}/${content.byteLength}`] : []),
    ...(change.headers ?? ['etag: "one"']),
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  if (change.cut === undefined) {
    socket.end(body);
    return;
  }
  socket.write(body.subarray(0, change.cut));
  cuts.push({ upTo: from + change.cut, cut: () => socket.end() });
}

/** Connections to be cut once the bytes up to a place are there. */
const cuts: { readonly upTo: number; readonly cut: () => void }[] = [];

interface Fetched {
  readonly bytes: Buffer;
  readonly retries: string[];
  readonly sizes: number[];
}

async function fetchAll(url: string, takeBytes = Number.POSITIVE_INFINITY): Promise<Fetched> {
  const retries: string[] = [];
  const sizes: number[] = [];
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of download({
    url: parseUrl(url),
    part: new PartFile(folder, url),
    limits: LIMITS,
    onSize: (total) => sizes.push(total),
    onRetry: (reason) => retries.push(reason),
  })) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length >= takeBytes) break;
    while (cuts[0] && length >= cuts[0].upTo) cuts.shift()?.cut();
  }
  return { bytes: Buffer.concat(chunks), retries, sizes };
}

async function failure(url: string): Promise<ImageError> {
  const result = await fetchAll(url).catch((error: unknown) => error);
  if (result instanceof ImageError) return result;
  throw new Error("it was fetched, or failed otherwise", { cause: result });
}

const same = (bytes: Uint8Array, wanted: Uint8Array = CONTENT): boolean =>
  Buffer.compare(bytes, wanted) === 0;

test("a file is fetched as it is, and its size is known before its bytes", async () => {
  const { url, asked } = await serve((socket, one) => send(socket, one));
  const { bytes, sizes } = await fetchAll(`${url}/disk.img.xz`);
  expect(same(bytes)).toBe(true);
  expect(sizes).toEqual([CONTENT.byteLength]);
  expect(asked[0]?.headers.get("accept-encoding")).toBe("identity");
});

test("a file that its server calls encoded is left as it is", async () => {
  const packed = Bun.gzipSync(CONTENT);
  const { url } = await serve((socket, one) =>
    send(socket, one, { content: packed, headers: ["content-encoding: gzip"] }),
  );
  expect(same((await fetchAll(`${url}/disk.img.gz`)).bytes, packed)).toBe(true);
});

test("after a cut the rest is asked for, of the same file only", async () => {
  const { url, asked } = await serve((socket, one) =>
    send(socket, one, one.times < 3 ? { cut: 100_000 } : {}),
  );
  const { bytes, retries } = await fetchAll(`${url}/cut.img`);
  expect(same(bytes)).toBe(true);
  expect(retries).toHaveLength(2);
  expect(asked.map(({ from }) => from)).toEqual([0, 100_000, 200_000]);
  expect(asked[1]?.headers.get("if-range")).toBe('"one"');
});

test("what a killed run has fetched is not fetched again, and comes first", async () => {
  const { url, asked } = await serve((socket, one) =>
    send(socket, one, one.times === 1 ? { cut: 120_000 } : {}),
  );
  await fetchAll(`${url}/killed.img`, 60_000);
  const part = new PartFile(folder, `${url}/killed.img`);
  const had = statSync(part.path).size;
  expect(had).toBeGreaterThan(0);
  expect(same((await fetchAll(`${url}/killed.img`)).bytes)).toBe(true);
  expect(asked[1]?.from).toBe(had);
  // And once more, although nothing is missing: one byte is asked for, to hear whether the file is still that one.
  expect(same((await fetchAll(`${url}/killed.img`)).bytes)).toBe(true);
  expect(asked[2]?.from).toBe(CONTENT.byteLength - 1);
  part.remove();
  expect(existsSync(folder)).toBe(false);
});

test("a file that changed since the last run is fetched from its start", async () => {
  const other = CONTENT.toReversed();
  const { url } = await serve((socket, one) =>
    one.times === 1
      ? send(socket, one, { cut: 120_000 })
      : send(socket, { ...one, from: 0 }, { content: other, headers: ['etag: "two"'] }),
  );
  await fetchAll(`${url}/changed.img`, 60_000);
  expect(same((await fetchAll(`${url}/changed.img`)).bytes, other)).toBe(true);
});

test("a server without ranges begins anew, and what was there already must be the same", async () => {
  const honest = await serve((socket, one) =>
    send(socket, { ...one, from: 0 }, one.times < 3 ? { cut: 100_000 * one.times } : {}),
  );
  expect(same((await fetchAll(`${honest.url}/anew.img`)).bytes)).toBe(true);

  const changing = await serve((socket, one) =>
    one.times === 1
      ? send(socket, one, { cut: 100_000 })
      : send(socket, { ...one, from: 0 }, { content: CONTENT.toReversed() }),
  );
  expect(await failure(`${changing.url}/changing.img`)).toMatchObject({
    code: "fetch-failed",
    message: expect.stringContaining("changed"),
  });
});

test.each([
  ["a length that it does not keep", { length: 900_000 }, "unreachable"],
  ["another part than it was asked for", { status: "206 Partial" }, "fetch-failed"],
])("a server that answers with %s is not believed", async (_what, lie: Sent, code) => {
  const { url } = await serve((socket, one) =>
    one.from > 0 ? socket.end("HTTP/1.1 416 No\r\ncontent-length: 0\r\n\r\n") : send(socket, one, lie),
  );
  expect(await failure(`${url}/lie.img`)).toMatchObject({ code });
});

test("a file without a length is whole when it ends as HTTP says", async () => {
  const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
  const whole = await serve((socket) => socket.end(`${chunked}0\r\n\r\n`));
  expect((await fetchAll(`${whole.url}/chunked`)).bytes.toString()).toBe("hello");
  const cut = await serve((socket) => socket.end(chunked));
  expect(await failure(`${cut.url}/chunked`)).toMatchObject({ code: "unreachable" });
});

test.each([
  ["never answers", () => undefined, "does not answer"],
  [
    "sends a head and then nothing",
    (socket: Socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"),
    "stopped sending",
  ],
  [
    "sends a byte now and then",
    (socket: Socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
      const timer = setInterval(() => socket.write("x"), 40);
      socket.on("close", () => clearInterval(timer));
    },
    "bytes/s",
  ],
])(
  "a server that %s is given up after a few attempts",
  async (_what, reply: (socket: Socket) => unknown, words) => {
    const { url } = await serve(reply);
    const failed = await failure(`${url}/slow.img`);
    expect(failed).toMatchObject({ code: "unreachable" });
    expect(failed.message).toContain(words);
  },
);

test("nothing that listens, and a name that is none, are told as such", async () => {
  const { url } = await serve(() => undefined);
  server?.close();
  for (const socket of sockets) socket.destroy();
  expect(await failure(url)).toMatchObject({
    code: "unreachable",
    message: expect.stringContaining("cannot be reached"),
  });
  expect(await failure("http://there-is-no.invalid/disk.img")).toMatchObject({ code: "unreachable" });
});

test("redirects are followed, but not for ever, and never to something that is no web address", async () => {
  const { url } = await serve((socket, one) => {
    const left = Number(/\d+/.exec(one.path)?.[0] ?? 0);
    const to = one.path.startsWith("/file") ? "file:///etc/shadow" : `/${left - 1}`;
    if (one.path === "/0") send(socket, one);
    else socket.end(`HTTP/1.1 302 Found\r\nlocation: ${to}\r\ncontent-length: 0\r\n\r\n`);
  });
  expect(same((await fetchAll(`${url}/${REDIRECTS_MAX}`)).bytes)).toBe(true);
  expect(await failure(`${url}/${REDIRECTS_MAX + 1}`)).toMatchObject({ code: "fetch-failed" });
  expect(await failure(`${url}/file`)).toMatchObject({ code: "bad-url" });
});

test.each([
  ["404 Not Found", "fetch-failed", "the file is not there", 1],
  ["403 Forbidden", "fetch-failed", "answers 403", 1],
  ["503 Busy", "unreachable", "answers 503", LIMITS.attempts],
])("an answer of %s ends it with the reason", async (status, code, words, times) => {
  const { url, asked } = await serve((socket) =>
    socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`),
  );
  const failed = await failure(`${url}/status`);
  expect(failed).toMatchObject({ code });
  expect(failed.message).toContain(words);
  expect(asked).toHaveLength(times);
});

test("a file that is larger than the limit is refused before its bytes", async () => {
  const { url } = await serve((socket) =>
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${2 ** 41}\r\n\r\n`),
  );
  expect(await failure(`${url}/large`)).toMatchObject({ code: "too-large" });
});

test("only web addresses are fetched, and a password in one is never shown", () => {
  for (const bad of [
    "file:///etc/shadow",
    "ftp://host/disk.img",
    "disk.img",
    "",
    `http://${"x".repeat(5000)}`,
  ])
    expect(() => parseUrl(bad)).toThrow(ImageError);
  expect(shownUrl(parseUrl("https://me:secret@host/disk.img"))).toBe("https://host/disk.img");
});

test("a part that nobody came back for is removed, a fresh one stays", async () => {
  const { url } = await serve((socket, one) => send(socket, one));
  await fetchAll(`${url}/old.img`, 1000);
  await fetchAll(`${url}/new.img`, 1000);
  const old = new PartFile(folder, `${url}/old.img`).path;
  const longAgo = new Date(Date.now() - PART_KEPT_MS - 60_000);
  for (const path of [old, `${old}.json`]) utimesSync(path, longAgo, longAgo);
  sweepParts(folder);
  expect(existsSync(old)).toBe(false);
  expect(readdirSync(folder)).toHaveLength(2);
  sweepParts(folder, Date.now() + 2 * PART_KEPT_MS);
  expect(existsSync(folder)).toBe(false);
});
