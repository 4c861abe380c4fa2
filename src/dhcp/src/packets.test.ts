import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { hex } from "../../../test/dhcp/golden-packets.ts";
import { formatAddress } from "./address.ts";
import { decodeArpSender, encodeArpProbe } from "./arp.ts";
import { decodeUdpPacket, encodeUdpPacket } from "./udp-packet.ts";

const endpoint = fc.record({ address: fc.nat(0xffffffff).map(formatAddress), port: fc.nat(0xffff) });

describe("UDP in IPv4", () => {
  test("what was encoded decodes to the same datagram", () => {
    fc.assert(
      fc.property(endpoint, endpoint, fc.uint8Array({ maxLength: 1400 }), (source, target, payload) => {
        expect(decodeUdpPacket(encodeUdpPacket({ source, target, payload }))).toEqual({
          source,
          target,
          payload,
        });
      }),
    );
  });

  test("the header's checksum is right", () => {
    const packet = encodeUdpPacket({
      source: { address: "0.0.0.0", port: 68 },
      target: { address: "255.255.255.255", port: 67 },
      payload: new Uint8Array(300),
    });
    // 0x4500 + 0x0148 + 0x4011 + 0xffff + 0xffff, folded and inverted, by hand.
    expect(packet.subarray(10, 12).toHex()).toBe("79a6");
  });

  test("cuts, fragments and other protocols are nothing", () => {
    const packet = encodeUdpPacket({
      source: { address: "10.0.0.1", port: 67 },
      target: { address: "10.0.0.2", port: 68 },
      payload: Uint8Array.of(1, 2, 3),
    });
    for (let length = 0; length < packet.length; length++)
      expect(decodeUdpPacket(packet.subarray(0, length))).toBeUndefined();
    const changed = (at: number, value: number): Uint8Array => {
      const copy = packet.slice();
      copy[at] = value;
      return copy;
    };
    expect(decodeUdpPacket(changed(6, 0x20))).toBeUndefined();
    expect(decodeUdpPacket(changed(7, 1))).toBeUndefined();
    expect(decodeUdpPacket(changed(9, 6))).toBeUndefined();
    expect(decodeUdpPacket(changed(0, 0x65))).toBeUndefined();
    expect(decodeUdpPacket(changed(25, 7))).toBeUndefined();
    expect(decodeUdpPacket(changed(25, 200))).toBeUndefined();
  });
});

describe("ARP", () => {
  const mac = Uint8Array.fromHex("020000000001");

  test("a probe asks for the address and claims none (RFC 5227)", () => {
    expect(encodeArpProbe(mac, "10.9.0.10").toHex()).toBe(
      hex("0001080006040001 020000000001 00000000 000000000000 0a09000a").toHex(),
    );
  });

  test("another's probe is nobody's claim", () => {
    expect(decodeArpSender(encodeArpProbe(mac, "10.9.0.10"))).toBeUndefined();
  });

  test("a reply says who has the address", () => {
    const reply = hex("0001080006040002 020000000099 0a09000a 020000000001 0a090001");
    expect(decodeArpSender(reply)).toEqual({ mac: "02:00:00:00:00:99", address: "10.9.0.10" });
    expect(decodeArpSender(reply.subarray(0, 27))).toBeUndefined();
    reply[1] = 6;
    expect(decodeArpSender(reply)).toBeUndefined();
  });
});
