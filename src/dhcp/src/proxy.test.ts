import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PI_4_NEW, PIS, PXE_PC, UDHCPC, WINDOWS } from "../../../test/dhcp/golden-packets.ts";
import { BOOT_ANSWER } from "../../../test/dhcp/policy.ts";
import type { ProxyDecision } from "./decisions.ts";
import type { DhcpInterface } from "./interfaces.ts";
import { decodeMessage, type DhcpMessage, encodeMessage } from "./message.ts";
import { messageTypeValue } from "./message-types.ts";
import { makeOptions, readOption } from "./options.ts";
import { type Arrival, proxyReply, replyBytes } from "./proxy.ts";
import { decodePxeMenu, encodePxeMenu } from "./pxe-menu.ts";

const ETH0: DhcpInterface = {
  name: "eth0",
  index: 2,
  address: "10.9.0.1",
  netmask: "255.255.255.0",
  mac: "02:00:00:00:00:01",
};
const ON_67: Arrival = {
  interface: ETH0,
  service: "dhcp",
  source: { address: "0.0.0.0", port: 68 },
  clientPort: 68,
  relayPort: 67,
};
const ON_4011: Arrival = { ...ON_67, service: "pxe", source: { address: "10.9.0.50", port: 1068 } };

const answer = (): ProxyDecision => ({ kind: "answer", pxe: BOOT_ANSWER });
const tell = (): ProxyDecision => ({ kind: "tell", options: new Map([[43, Uint8Array.of(1, 1, 7)]]) });
const mustNotBeAsked = (): ProxyDecision => {
  throw new Error("the policy was asked");
};
const discover = decodeMessage(PI_4_NEW.bytes);

function with53(message: DhcpMessage, type: Parameters<typeof messageTypeValue>[0]): DhcpMessage {
  const options = new Map(message.options);
  for (const [code, value] of makeOptions({ messageType: messageTypeValue(type) })) options.set(code, value);
  return { ...message, options };
}

function withLimit(maxMessageBytes: number): DhcpMessage {
  return { ...discover, options: makeOptions({ maxMessageBytes }) };
}

function replyTo(message: DhcpMessage, arrival: Arrival, decide = answer) {
  const outcome = proxyReply(message, arrival, decide);
  if (outcome.kind === "ignore") throw new Error(outcome.reason);
  return outcome;
}

describe("the proxy on port 67", () => {
  for (const golden of PIS)
    test(`offers ${golden.name} the boot and no address, by broadcast`, () => {
      const { message, to, type } = replyTo(decodeMessage(golden.bytes), ON_67);
      expect(type).toBe("OFFER");
      expect(to).toEqual({ address: "255.255.255.255", port: 68 });
      expect(message).toMatchObject({
        op: "reply",
        yiaddr: "0.0.0.0",
        ciaddr: "0.0.0.0",
        siaddr: "10.9.0.1",
        xid: golden.xid,
        file: "bootcode.bin",
      });
      const { options } = message;
      expect(readOption(options, "messageType")).toBe(2);
      expect(readOption(options, "serverIdentifier")).toBe("10.9.0.1");
      expect(readOption(options, "tftpServerName")).toBe("10.9.0.1");
      expect(readOption(options, "vendorClass")).toBe("PXEClient");
      expect(options.get(97)).toEqual(decodeMessage(golden.bytes).options.get(97));
      expect(decodePxeMenu(readOption(options, "vendorOptions") ?? new Uint8Array())).toEqual(
        BOOT_ANSWER.menu,
      );
      expect(readOption(options, "leaseTimeS")).toBeUndefined();
      expect(decodeMessage(encodeMessage(message))).toEqual(message);
    });

  test("asks the policy with the message and where it came in, and passes its silence on", () => {
    const seen: unknown[] = [];
    const outcome = proxyReply(discover, ON_67, (message, iface) => {
      seen.push(message, iface);
      return { kind: "ignore", reason: "not today" };
    });
    expect(outcome).toEqual({ kind: "ignore", reason: "not today" });
    expect(seen).toEqual([discover, ETH0]);
  });

  test("a REQUEST belongs to the server that gives the address, even one that names us", () => {
    const options = new Map([
      ...discover.options,
      ...makeOptions({ messageType: 3, serverIdentifier: ETH0.address, requestedAddress: "10.9.0.80" }),
    ]);
    expect(proxyReply({ ...discover, options }, ON_67, answer).kind).toBe("ignore");
  });

  test.each(["INFORM", "RELEASE", "DECLINE", "OFFER", "ACK", "NAK"] as const)("is silent for %s", (type) => {
    expect(proxyReply(with53(discover, type), ON_67, answer).kind).toBe("ignore");
  });

  test("a client that is told options alone gets them when it asks with INFORM, at its address, and no PXE", () => {
    const message = { ...with53(discover, "INFORM"), ciaddr: "10.9.0.80" };
    const reply = replyTo(message, ON_67, tell);
    expect(reply).toMatchObject({ type: "ACK", to: { address: "10.9.0.80", port: 68 }, delayMs: 0 });
    expect(reply.message).toMatchObject({
      yiaddr: "0.0.0.0",
      siaddr: "0.0.0.0",
      file: "",
      ciaddr: "10.9.0.80",
    });
    expect([...reply.message.options.keys()].toSorted((a, b) => a - b)).toEqual([43, 53, 54]);
    const onPxe = replyTo(message, ON_4011, tell);
    expect(onPxe).toMatchObject({ type: "ACK", to: { address: "10.9.0.50", port: 1068 } });
    expect(onPxe.message.options.get(43)).toEqual(Uint8Array.of(1, 1, 7));
  });

  test("a client that is told options alone gets no OFFER: it would lose its lease to one without an address", () => {
    expect(proxyReply(discover, ON_67, tell).kind).toBe("ignore");
    expect(proxyReply(with53(discover, "REQUEST"), ON_4011, tell).kind).toBe("ignore");
  });

  test("INFORM from no address is not answered on port 67", () => {
    expect(proxyReply(with53(discover, "INFORM"), ON_67, tell).kind).toBe("ignore");
  });

  test("a reply of another server is not answered, so that two proxies never talk in circles", () => {
    expect(proxyReply({ ...discover, op: "reply" }, ON_67, answer).kind).toBe("ignore");
    const own = replyTo(discover, ON_67).message;
    expect(proxyReply(own, ON_67, answer).kind).toBe("ignore");
  });

  test("a message without type (plain BOOTP) is not answered", () => {
    const options = new Map(discover.options);
    options.delete(53);
    expect(proxyReply({ ...discover, options }, ON_67, answer).kind).toBe("ignore");
  });

  test.each([
    ["seventeen hops", { hops: 17 }],
    ["no hardware address", { hardwareAddress: new Uint8Array(6) }],
    ["a group's hardware address", { hardwareAddress: Uint8Array.fromHex("ffffffffffff") }],
    ["a relay at no host's address", { giaddr: "224.0.0.1" }],
    ["a relay at 127.0.0.1", { giaddr: "127.0.0.1" }],
    ["a relay at our own address", { giaddr: "10.9.0.1" }],
  ])("%s: silence, and the policy is not asked", (_, change) => {
    expect(proxyReply({ ...discover, ...change }, ON_67, mustNotBeAsked).kind).toBe("ignore");
  });

  test("what a relay brought goes back to the relay, its own option last", () => {
    const options = new Map(discover.options).set(82, Uint8Array.of(1, 1, 7));
    const { to, message } = replyTo({ ...discover, giaddr: "10.8.0.1", hops: 1, options }, ON_67);
    expect(to).toEqual({ address: "10.8.0.1", port: 67 });
    expect(message.giaddr).toBe("10.8.0.1");
    expect([...message.options.keys()].at(-1)).toBe(82);
  });

  test("options of the policy win, and its delay is passed on", () => {
    const { message, delayMs } = replyTo(discover, ON_67, () => ({
      kind: "answer",
      pxe: BOOT_ANSWER,
      options: makeOptions({ tftpServerName: "10.9.0.77" }),
      delayMs: 1500,
    }));
    expect(readOption(message.options, "tftpServerName")).toBe("10.9.0.77");
    expect(delayMs).toBe(1500);
  });
});

describe("the proxy on port 4011", () => {
  test.each(["REQUEST", "INFORM"] as const)("a %s is acknowledged to where it came from", (type) => {
    const { message, to, type: reply } = replyTo({ ...with53(discover, type), ciaddr: "10.9.0.50" }, ON_4011);
    expect(reply).toBe("ACK");
    expect(to).toEqual({ address: "10.9.0.50", port: 1068 });
    expect(message).toMatchObject({ ciaddr: "10.9.0.50", yiaddr: "0.0.0.0", siaddr: "10.9.0.1" });
  });

  test("the menu entry that a client chose is said back", () => {
    const chosen = { bootItem: { type: 0, layer: 0 } };
    const options = new Map(with53(discover, "REQUEST").options).set(43, encodePxeMenu(chosen));
    const { message } = replyTo({ ...discover, options }, ON_4011);
    expect(decodePxeMenu(message.options.get(43) ?? new Uint8Array()).bootItem).toEqual({
      type: 0,
      layer: 0,
    });
  });

  test("another vendor's option 43 does no harm", () => {
    const options = new Map(with53(discover, "REQUEST").options).set(43, Uint8Array.of(71, 200, 1));
    expect(replyTo({ ...discover, options }, ON_4011).type).toBe("ACK");
  });

  test("a DISCOVER has no business there", () => {
    expect(proxyReply(discover, ON_4011, answer).kind).toBe("ignore");
  });

  test.each([
    ["0.0.0.0", 68],
    ["255.255.255.255", 68],
    ["10.9.0.50", 0],
  ])("a source of %s port %d gets nothing", (address, port) => {
    const arrival = { ...ON_4011, source: { address, port } };
    expect(proxyReply(with53(discover, "REQUEST"), arrival, answer).kind).toBe("ignore");
  });
});

test("a client's own size limit is kept, within what Ethernet carries", () => {
  expect(replyBytes(decodeMessage(WINDOWS.bytes))).toBe(548);
  expect(replyBytes(decodeMessage(UDHCPC.bytes))).toBe(548);
  expect(replyBytes(decodeMessage(PXE_PC.bytes))).toBe(1232);
  expect(replyBytes(withLimit(100))).toBe(548);
  expect(replyBytes(withLimit(65535))).toBe(1472);
});

test("whatever a sound message holds, the answer can be encoded and decoded", () => {
  const options = fc
    .dictionary(fc.integer({ min: 100, max: 254 }).map(String), fc.uint8Array({ maxLength: 60 }), {
      maxKeys: 5,
    })
    .map((entries) => Object.entries(entries).map(([code, bytes]) => [Number(code), bytes] as const));
  fc.assert(
    fc.property(
      options,
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.nat(0xffff),
      (extra, id, flags) => {
        const asked = {
          ...discover,
          flags,
          options: new Map([...discover.options, ...extra, [97, id] as const]),
        };
        const { message } = replyTo(asked, ON_67);
        expect(decodeMessage(encodeMessage(message, replyBytes(asked))).xid).toBe(discover.xid);
      },
    ),
  );
});
