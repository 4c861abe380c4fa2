import { afterEach, describe, expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { fetchTftp, type FetchOptions } from "../../../test/sim/tftp-fetch.ts";
import { pattern } from "../testing/two-ends.ts";
import type { TftpEvent, TftpServer, TftpServerOptions } from "./api.ts";
import { TftpError } from "./codec/error-code.ts";
import { decodePacket, encodePacket, type OptionList, type Packet } from "./codec/packet.ts";
import { createTftpServer } from "./server.ts";

const ADDRESS = "127.0.0.1";
const FILES: Record<string, Uint8Array> = { small: pattern(1000), big: pattern(3_000_000) };

let server: TftpServer | undefined;
let events: TftpEvent[] = [];
const clients: Socket[] = [];

afterEach(() => {
  server?.close();
  for (const client of clients.splice(0)) client.close();
  events = [];
});

async function serve(options: Partial<TftpServerOptions> = {}): Promise<TftpServer> {
  server = await createTftpServer({
    hostname: ADDRESS,
    port: 0,
    open: ({ path }) => FILES[path] ?? new TftpError("file-not-found", `no ${path} here`),
    onEvent: (event) => void events.push(event),
    ...options,
  });
  return server;
}

const fetchFrom = (
  { port }: TftpServer,
  path: string,
  options: OptionList = [],
  more: Partial<FetchOptions> = {},
) => fetchTftp({ server: { address: ADDRESS, port }, path, options, ...more });

/** A bare socket that speaks to the server packet by packet. */
async function bareClient(port: number, address = ADDRESS) {
  const socket = createSocket("udp4");
  clients.push(socket);
  socket.bind(0, address);
  await once(socket, "listening");
  const inbox: { packet: Packet; port: number }[] = [];
  socket.on("message", (bytes, from) => {
    inbox.push({ packet: decodePacket(new Uint8Array(bytes)), port: from.port });
    socket.emit("inbox");
  });
  return {
    send: (packet: Packet | Uint8Array, to = port) =>
      socket.send(packet instanceof Uint8Array ? packet : encodePacket(packet), to, address),
    async next() {
      if (inbox.length === 0) await once(socket, "inbox");
      const first = inbox.shift();
      if (!first) throw new Error("an empty inbox");
      return first;
    },
  };
}

const readRequest = (path: string, options: OptionList = [], mode = "octet"): Packet => ({
  op: "rrq",
  path,
  mode,
  options,
});

const kinds = (): string[] => events.map(({ kind }) => kind).filter((kind) => kind !== "progress");

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((done) => void setImmediate(done));
}

function openSockets(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
      throw error;
    }
  }).length;
}

describe("a file", () => {
  test.each([
    ["with no option at all", []],
    [
      "with a Pi 4's options",
      [
        ["tsize", "0"],
        ["blksize", "1468"],
      ],
    ],
    [
      "in windows",
      [
        ["windowsize", "16"],
        ["blksize", "1024"],
      ],
    ],
    [
      "in the largest blocks",
      [
        ["blksize", "65464"],
        ["windowsize", "8"],
      ],
    ],
    [
      "with nonsense for options, which are ignored",
      [
        ["blksize", "7"],
        ["timeout", "-1"],
        ["windowsize", "x"],
      ],
    ],
  ] as [string, OptionList][])("arrives %s", async (_name, options) => {
    const result = await fetchFrom(await serve(), "big", options);
    if (result.how !== "done") throw new Error(JSON.stringify(result));
    expect(Buffer.compare(result.bytes, FILES["big"] ?? pattern(0))).toBe(0);
    await until(() => server?.transfers === 0);
    expect(kinds()).toEqual(["listening", "request", "done"]);
    expect(events.find(({ kind }) => kind === "done")).toMatchObject({ bytes: 3_000_000, confirmed: true });
  });

  test("comes in netascii when that is asked for", async () => {
    const file = new TextEncoder().encode("a\nb\r");
    const result = await fetchFrom(await serve({ open: () => file }), "x", [["tsize", "0"]], {
      mode: "netascii",
    });
    if (result.how !== "done") throw new Error(JSON.stringify(result));
    expect(new TextDecoder().decode(result.bytes)).toBe("a\r\nb\r\0");
  });

  test("may be opened later, and the request that is repeated meanwhile opens it once", async () => {
    let opened = 0;
    const gate = Promise.withResolvers<Uint8Array>();
    const { port } = await serve({
      open: () => {
        opened++;
        return gate.promise;
      },
    });
    const client = await bareClient(port);
    client.send(readRequest("x"));
    client.send(readRequest("x"));
    await until(() => opened > 0);
    // A packet that is answered proves that those before it were read.
    client.send({ op: "ack", block: 1 });
    expect((await client.next()).packet).toMatchObject({ op: "error", code: 5 });
    gate.resolve(pattern(5));
    expect((await client.next()).packet).toMatchObject({ op: "data", block: 1 });
    expect(opened).toBe(1);
  });
});

describe("answers come", () => {
  test("each from a port of its own, and not from the port that was asked", async () => {
    const { port } = await serve();
    const [first, second] = [await bareClient(port), await bareClient(port)];
    first.send(readRequest("small"));
    second.send(readRequest("small"));
    const ports = [(await first.next()).port, (await second.next()).port];
    expect(new Set([...ports, port]).size).toBe(3);
  });

  test("from the address that was asked, on every address that the server has", async () => {
    const addresses = ["127.0.0.1", "127.0.0.2"];
    const { port } = await serve({ addresses: () => addresses });
    for (const address of addresses) {
      const server = { address, port };
      // fetchTftp takes no packet from another address.
      expect(await fetchTftp({ server, path: "small" })).toMatchObject({ how: "done" });
      expect(await fetchTftp({ server, path: "none" })).toMatchObject({ how: "error", code: 1 });
    }
    expect(events.filter((e) => e.kind === "done").map((e) => e.localAddress)).toEqual(addresses);
  });

  test("on an address that appears later, and no more on one that has gone", async () => {
    let addresses = ["127.0.0.1"];
    const { port } = await serve({ addresses: () => addresses });
    addresses = ["127.0.0.3"];
    await until(() => server?.addresses.join() === "127.0.0.3");
    expect(await fetchTftp({ server: { address: "127.0.0.3", port }, path: "small" })).toMatchObject({
      how: "done",
    });
  });
});

describe("a request that comes again from the same port", () => {
  test("begins a second transfer beside the first, and the one that is acknowledged stays", async () => {
    for (const chosen of [0, 1]) {
      const { port } = await serve();
      const client = await bareClient(port);
      client.send(readRequest("small", [["tsize", "0"]]));
      const offers = [await client.next()];
      client.send(readRequest("small", [["tsize", "0"]]));
      offers.push(await client.next());
      expect(offers.map(({ packet }) => packet.op)).toEqual(["oack", "oack"]);
      expect(new Set(offers.map(({ port }) => port)).size).toBe(2);
      const tid = offers[chosen]?.port ?? 0;
      client.send({ op: "ack", block: 0 }, tid);
      expect(await client.next()).toMatchObject({ packet: { op: "data", block: 1 }, port: tid });
      expect(server?.transfers).toBe(1);
      server?.close();
    }
  });

  test("begins anew when the ERROR that ends the first is read after it", async () => {
    const { port } = await serve();
    const client = await bareClient(port);
    client.send(readRequest("small", [["tsize", "0"]]));
    const probe = await client.next();
    client.send(readRequest("small", [["tsize", "0"]]));
    client.send({ op: "error", code: 0, message: "Early terminate" }, probe.port);
    let offer = await client.next();
    while (offer.port === probe.port) offer = await client.next();
    client.send({ op: "ack", block: 0 }, offer.port);
    expect(await client.next()).toMatchObject({ packet: { op: "data", block: 1 }, port: offer.port });
  });

  test("again and again leaves the latest few", async () => {
    const { port } = await serve();
    const client = await bareClient(port);
    const ports = new Set<number>();
    for (let i = 0; i < 20; i++) {
      client.send(readRequest("small", [["tsize", "0"]]));
      let offer = await client.next();
      while (ports.has(offer.port)) offer = await client.next();
      ports.add(offer.port);
    }
    expect(server?.transfers).toBe(3);
  });

  test("for another file takes the place of one that nobody acknowledged", async () => {
    const { port } = await serve();
    const client = await bareClient(port);
    client.send(readRequest("small", [["tsize", "0"]]));
    await client.next();
    client.send(readRequest("big", [["tsize", "0"]]));
    expect((await client.next()).packet).toMatchObject({ options: [["tsize", "3000000"]] });
    expect(server?.transfers).toBe(1);
    expect(kinds()).toEqual(["listening", "request", "superseded", "request"]);
  });

  test("in the middle of a transfer begins a new one, and the old ends when the new is answered", async () => {
    const { port } = await serve();
    const client = await bareClient(port);
    client.send(readRequest("big"));
    const first = await client.next();
    client.send({ op: "ack", block: 1 }, first.port);
    expect((await client.next()).packet).toMatchObject({ op: "data", block: 2 });
    client.send(readRequest("big"));
    let again = await client.next();
    while (again.port === first.port) again = await client.next();
    expect(again.packet).toMatchObject({ op: "data", block: 1 });
    expect(server?.transfers).toBe(2);
    client.send({ op: "ack", block: 1 }, again.port);
    await until(() => server?.transfers === 1);
    expect(kinds()).toEqual(["listening", "request", "request", "superseded"]);
  });
});

describe("what is refused", () => {
  test.each([
    ["a write", { op: "wrq", path: "small", mode: "octet", options: [] }, 2, "read-only"],
    ["the mode mail", readRequest("small", [], "mail"), 4, "mail"],
    ["an unknown mode", readRequest("small", [], "binary"), 4, "unknown mode"],
    ["a way out by ..", readRequest("../small"), 2, ".."],
    ["a name without end", readRequest("x".repeat(300)), 2, "longer"],
    ["an empty name", readRequest(""), 4, "empty"],
    ["DATA", { op: "data", block: 1, payload: pattern(5) }, 5, "no transfer"],
    ["an OACK", { op: "oack", options: [] }, 5, "no transfer"],
    ["an unknown opcode", Uint8Array.of(0, 77, 1), 4, "opcode"],
    ["an empty packet", new Uint8Array(0), 4, "short"],
    ["a request beyond 512 bytes", readRequest("f", [["x", "y".repeat(512)]]), 4, "too long"],
  ] as [string, Packet | Uint8Array, number, string][])(
    "%s gets a clear ERROR",
    async (_n, packet, code, words) => {
      const { port } = await serve();
      const client = await bareClient(port);
      client.send(packet);
      const answer = (await client.next()).packet;
      expect(answer).toMatchObject({ op: "error", code, message: expect.stringContaining(words) });
      expect(kinds()).toEqual(["listening", "refused"]);
      expect(await fetchTftp({ server: { address: ADDRESS, port }, path: "small" })).toMatchObject({
        how: "done",
      });
    },
  );

  test("an ERROR is never answered", async () => {
    const { port } = await serve();
    const client = await bareClient(port);
    client.send({ op: "error", code: 4, message: "no, you" });
    client.send({ op: "ack", block: 7 });
    expect((await client.next()).packet).toMatchObject({ code: 5 });
  });

  test("a missing file is told in the owner's words", async () => {
    expect(await fetchFrom(await serve(), "none")).toMatchObject({
      how: "error",
      code: 1,
      message: "no none here",
    });
    expect(events.at(-1)).toMatchObject({ kind: "error", by: "server", code: 1, path: "none" });
  });

  test("a fault of the owner is told without its words, and the server goes on", async () => {
    const running = await serve({
      open({ path }) {
        if (path === "small") return pattern(3);
        throw new Error("password is 1234");
      },
    });
    const result = await fetchFrom(running, "x");
    expect(result).toMatchObject({ how: "error", code: 0, message: expect.not.stringContaining("1234") });
    expect(events.at(-1)).toMatchObject({ kind: "error", message: "password is 1234" });
    expect(await fetchFrom(running, "small")).toMatchObject({ how: "done" });
  });

  test("one transfer too many is told so, for one client and for all", async () => {
    const never = Promise.withResolvers<Uint8Array>().promise;
    const limits = { transfers: 3, transfersPerClient: 2 };
    const running = await serve({ addresses: () => ["127.0.0.1", "127.0.0.2"], open: () => never, limits });
    const ask = async (address: string): Promise<Awaited<ReturnType<typeof bareClient>>> => {
      const client = await bareClient(running.port, address);
      client.send(readRequest("small"));
      return client;
    };
    const isBusy = { op: "error", code: 0, message: expect.stringContaining("busy") };
    await ask("127.0.0.1");
    await ask("127.0.0.1");
    await until(() => running.transfers === 2);
    expect((await (await ask("127.0.0.1")).next()).packet).toMatchObject(isBusy);
    await ask("127.0.0.2");
    await until(() => running.transfers === 3);
    expect((await (await ask("127.0.0.2")).next()).packet).toMatchObject(isBusy);
  });

  test("a port in use rejects with the system's code", async () => {
    const { port } = await serve();
    const second = createTftpServer({ hostname: ADDRESS, port, open: () => pattern(1) });
    expect(await second.catch((error: unknown) => error)).toMatchObject({ code: "EADDRINUSE" });
  });
});

test("an address that the machine does not have rejects with the system's code", async () => {
  const absent = createTftpServer({ hostname: "192.0.2.123", port: 0, open: () => pattern(1) });
  expect(await absent.catch((error: unknown) => error)).toMatchObject({ code: "EADDRNOTAVAIL" });
});

describe("nothing is left", () => {
  test("of a hundred probes that end with Early terminate", async () => {
    const running = await serve();
    const before = openSockets();
    for (let i = 0; i < 100; i++)
      expect(await fetchFrom(running, "big", [["tsize", "0"]], { abortAfterOack: true })).toMatchObject({
        how: "aborted",
        oack: { tsize: "3000000" },
      });
    await until(() => running.transfers === 0);
    expect(openSockets()).toBe(before);
    expect(kinds().filter((kind) => kind === "early-terminate")).toHaveLength(100);
    expect(kinds()).not.toContain("error");
  });

  test("of a client that closed its port, long before the time is up", async () => {
    const running = await serve();
    const client = createSocket("udp4");
    client.bind(0, ADDRESS);
    await once(client, "listening");
    client.send(encodePacket(readRequest("big")), running.port, ADDRESS);
    await once(client, "message");
    client.close();
    await until(() => running.transfers === 0);
  });

  test("of a server that is closed in the middle; its clients are told", async () => {
    const before = openSockets();
    const running = await serve();
    const client = await bareClient(running.port);
    client.send(readRequest("big"));
    await client.next();
    running.close();
    expect((await client.next()).packet).toMatchObject({ op: "error", message: "the server stops" });
    expect(openSockets()).toBe(before + 1);
    expect(running.transfers).toBe(0);
  });
});

test("twenty clients at once get their file each, though one packet in a hundred is lost", async () => {
  const file = pattern(200_000);
  const running = await serve({ open: () => file });
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, i) => {
      let seen = i;
      const drop = (): boolean => seen++ % 100 === 99;
      return fetchFrom(running, "x", [["blksize", "1468"]], { drop });
    }),
  );
  for (const result of results) {
    if (result.how !== "done") throw new Error(JSON.stringify(result));
    expect(Buffer.compare(result.bytes, file)).toBe(0);
  }
}, 20_000);
