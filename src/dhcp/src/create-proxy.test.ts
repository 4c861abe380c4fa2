/** The proxy's sockets on loopback, where no rights are needed: the boot service answers to where a question came from. */
import { afterEach, describe, expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { PI_4_NEW } from "../../../test/dhcp/golden-packets.ts";
import { BOOT_ANSWER } from "../../../test/dhcp/policy.ts";
import { createDhcpProxy, type DhcpProxy } from "./create-proxy.ts";
import type { ProxyDecision } from "./decisions.ts";
import type { DhcpEvent } from "./events.ts";
import { decodeMessage, type DhcpMessage, encodeMessage } from "./message.ts";
import { makeOptions } from "./options.ts";

const discover = decodeMessage(PI_4_NEW.bytes);

let proxy: DhcpProxy;
let client: Socket;
let events: DhcpEvent[];
let heard: () => void;

function request(xid: number): Uint8Array {
  const options = new Map([...discover.options, ...makeOptions({ messageType: 3 })]);
  return encodeMessage({ ...discover, xid, options });
}

async function start(decide: (message: DhcpMessage) => ProxyDecision): Promise<void> {
  events = [];
  proxy = await createDhcpProxy({
    interfaces: ["lo"],
    port: 0,
    pxePort: 0,
    decide,
    onEvent: (event) => {
      events.push(event);
      heard();
    },
  });
  client = createSocket("udp4");
  const { promise, resolve } = Promise.withResolvers<void>();
  client.bind(0, "127.0.0.1", resolve);
  await promise;
}

afterEach(async () => {
  await proxy.close();
  client.close();
});

function ask(bytes: Uint8Array): void {
  client.send(bytes, proxy.pxePort, "127.0.0.1");
}

function nextReply(): Promise<DhcpMessage> {
  const { promise, resolve } = Promise.withResolvers<DhcpMessage>();
  client.once("message", (bytes) => resolve(decodeMessage(bytes)));
  return promise;
}

async function event(type: DhcpEvent["type"]): Promise<DhcpEvent> {
  for (;;) {
    const found = events.find((candidate) => candidate.type === type);
    if (found !== undefined) return found;
    const { promise, resolve } = Promise.withResolvers<void>();
    heard = resolve;
    await promise;
  }
}

heard = () => undefined;
const boot = (delayMs = 0): ProxyDecision => ({ kind: "answer", pxe: BOOT_ANSWER, delayMs });

describe("the proxy on loopback", () => {
  test("says which ports it got, and what it serves", async () => {
    await start(() => boot());
    expect(proxy.port).toBeGreaterThan(0);
    expect(proxy.pxePort).toBeGreaterThan(0);
    expect(proxy.interfaces()).toMatchObject([{ name: "lo", address: "127.0.0.1" }]);
    expect(events.map(({ type }) => type)).toEqual(["interface-up"]);
  });

  test("a question is answered, and the answer told", async () => {
    await start(() => boot());
    const reply = nextReply();
    ask(request(7));
    expect(await event("answered")).toMatchObject({ reply: "ACK", message: { xid: 7, mac: PI_4_NEW.mac } });
    expect((await reply).xid).toBe(7);
  });

  test("a policy that throws is told as a fault, and the next question is answered", async () => {
    let broken = true;
    await start(() => {
      if (broken) throw new Error("policy broke");
      return boot();
    });
    ask(request(1));
    expect(await event("fault")).toMatchObject({ interface: "lo", error: new Error("policy broke") });
    broken = false;
    const reply = nextReply();
    ask(request(2));
    expect((await reply).xid).toBe(2);
  });

  test("an answer that cannot be put into bytes is told, and the next question is answered", async () => {
    let file = "x".repeat(300);
    await start(() => ({ kind: "answer", pxe: { ...BOOT_ANSWER, bootFile: file } }));
    ask(request(1));
    expect(await event("send-failed")).toMatchObject({ reason: expect.stringContaining("127 characters") });
    file = "boot";
    const reply = nextReply();
    ask(request(2));
    expect((await reply).file).toBe("boot");
  });

  test("a client has one answer on its way at a time", async () => {
    await start(() => boot(200));
    const reply = nextReply();
    ask(request(1));
    ask(request(2));
    expect(await event("ignored")).toMatchObject({ message: { xid: 2 } });
    expect((await reply).xid).toBe(1);
  });

  test("nonsense is told with its reason and where it came from", async () => {
    await start(() => boot());
    ask(new Uint8Array(3));
    expect(await event("malformed")).toMatchObject({
      reason: expect.stringContaining("too-short"),
      from: `127.0.0.1:${client.address().port}`,
    });
  });

  test("after close no answer leaves, not even one that waited", async () => {
    await start(() => boot(50));
    ask(request(1));
    ask(request(2));
    await event("ignored");
    await proxy.close();
    await Bun.sleep(100);
    expect(events.filter(({ type }) => type === "answered" || type === "send-failed")).toEqual([]);
  });
});
