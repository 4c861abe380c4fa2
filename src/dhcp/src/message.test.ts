import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { hex, OTHERS, PI_4_NEW, PIS, PXE_PC, UDHCPC, WINDOWS } from "../../../test/dhcp/golden-packets.ts";
import { formatAddress } from "./address.ts";
import { DhcpDecodeError, DhcpEncodeError } from "./errors.ts";
import {
  clientMac,
  decodeMessage,
  type DhcpMessage,
  encodeMessage,
  MAX_MESSAGE_BYTES,
  messageType,
  BROADCAST_FLAG,
} from "./message.ts";
import { makeOptions, readOption } from "./options.ts";

function reasonOf(bytes: Uint8Array): string {
  try {
    decodeMessage(bytes);
  } catch (error) {
    if (error instanceof DhcpDecodeError) return error.reason;
    throw error;
  }
  return "accepted";
}

/** A request with these bytes as its options field. */
function withOptions(digits: string, edit: (bytes: Uint8Array) => void = () => undefined): Uint8Array {
  const bytes = new Uint8Array([...UDHCPC.bytes.subarray(0, 240), ...hex(digits)]);
  edit(bytes);
  return bytes;
}

describe("messages of real clients", () => {
  for (const golden of [...PIS, ...OTHERS]) {
    test(`the DISCOVER of ${golden.name} is read`, () => {
      const message = decodeMessage(golden.bytes);
      expect(message.op).toBe("request");
      expect(messageType(message)).toBe("DISCOVER");
      expect(clientMac(message)).toBe(golden.mac);
      expect(message.xid).toBe(golden.xid);
    });

    test(`the DISCOVER of ${golden.name} is the same after encoding`, () => {
      const encoded = encodeMessage(decodeMessage(golden.bytes));
      // Clients pad as they like; what counts ends at the end option.
      const length = Math.min(encoded.length, golden.bytes.length);
      expect(encoded.subarray(0, length).toHex()).toBe(golden.bytes.subarray(0, length).toHex());
      expect(
        [...golden.bytes.subarray(length), ...encoded.subarray(length)].every((byte) => byte === 0),
      ).toBe(true);
    });
  }

  test("a Pi's options come out with their meaning", () => {
    const { options } = decodeMessage(PI_4_NEW.bytes);
    expect(readOption(options, "vendorClass")).toBe("PXEClient:Arch:00000:UNDI:002001");
    expect(readOption(options, "clientArchitectures")).toEqual([0]);
    expect(readOption(options, "clientNetworkInterface")?.toHex()).toBe("010201");
    expect(readOption(options, "clientMachineId")?.toHex()).toBe("00346950521431d000010902f73df0cd91");
    expect(readOption(options, "parameterRequestList")).toHaveLength(14);
    expect(readOption(options, "hostName")).toBeUndefined();
  });

  test("a PC's wish for broadcast and its size limit are read", () => {
    const message = decodeMessage(PXE_PC.bytes);
    expect(message.flags).toBe(BROADCAST_FLAG);
    expect(readOption(message.options, "maxMessageBytes")).toBe(1260);
    expect(message.secs).toBe(4);
  });

  test("Windows's host name and identifier are read", () => {
    const { options } = decodeMessage(WINDOWS.bytes);
    expect(readOption(options, "hostName")).toBe("LAPTOP");
    expect(readOption(options, "clientIdentifier")?.toHex()).toBe("013c5282aabbcc");
  });
});

describe("bytes that are no message", () => {
  test("every cut of a real message is refused", () => {
    const end = UDHCPC.bytes.lastIndexOf(0xff);
    for (let length = 0; length <= end; length++)
      expect(["too-short", "option-truncated", "no-end-option"]).toContain(
        reasonOf(UDHCPC.bytes.subarray(0, length)),
      );
  });

  test.each([
    ["too-short", new Uint8Array(239)],
    ["too-long", new Uint8Array(MAX_MESSAGE_BYTES + 1)],
    ["bad-op", withOptions("ff", (bytes) => bytes.fill(3, 0, 1))],
    ["bad-cookie", withOptions("ff", (bytes) => bytes.fill(0, 236, 240))],
    ["bad-hardware-address", withOptions("ff", (bytes) => bytes.fill(17, 2, 3))],
    ["bad-hardware-address", withOptions("ff", (bytes) => bytes.fill(5, 2, 3))],
    ["option-truncated", withOptions("350101 3204 0a0000")],
    ["option-truncated", withOptions("350101 32")],
    ["no-end-option", withOptions("350101")],
    ["no-end-option", withOptions("350101 000000")],
    ["bad-option-value", withOptions("35020101 ff")],
    ["bad-option-value", withOptions("350101 350101 ff")],
    ["bad-option-value", withOptions("3203 0a0000 ff")],
    ["bad-option-value", withOptions("0305 0a00000101 ff")],
    ["bad-option-value", withOptions("5d01 00 ff")],
    ["bad-option-value", withOptions("3d00 ff")],
    ["bad-overload", withOptions("340104 ff")],
    ["bad-overload", withOptions("340100 ff")],
    ["bad-overload", withOptions("34020101 ff")],
    ["no-end-option", withOptions("340101 ff")],
    ["bad-overload", withOptions("340101 ff", (bytes) => bytes.set([52, 1, 2, 255], 108))],
    ["option-truncated", withOptions("340102 ff", (bytes) => bytes.set([12, 200], 44))],
  ] as const)("%s: its reason is told", (reason, bytes) => {
    expect(reasonOf(new Uint8Array(bytes))).toBe(reason);
  });

  test("any bytes are either read or refused with a reason", () => {
    const header = fc.constant([...UDHCPC.bytes.subarray(0, 240)]);
    const tail = fc.array(fc.nat(255), { maxLength: 400 });
    const bytes = fc.oneof(
      fc.tuple(header, tail).map((parts) => Uint8Array.from(parts.flat())),
      fc.uint8Array({ maxLength: 600 }),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        expect(reasonOf(input)).toBeString();
      }),
      { numRuns: 500 },
    );
  });
});

const address = fc.nat(0xffffffff).map(formatAddress);
const text = (maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 1, max: 255 }), { maxLength }).map((codes) => String.fromCharCode(...codes));
const unknownOptions = fc
  .uniqueArray(
    fc.tuple(fc.integer({ min: 128, max: 254 }), fc.uint8Array({ minLength: 0, maxLength: 320 })),
    { selector: ([code]) => code, maxLength: 5 },
  )
  .map((entries) => new Map(entries));
const messages: fc.Arbitrary<DhcpMessage> = fc.record({
  op: fc.constantFrom("request", "reply"),
  hardwareType: fc.constant(6),
  hardwareAddress: fc.uint8Array({ maxLength: 16 }),
  hops: fc.nat(255),
  xid: fc.nat(0xffffffff),
  secs: fc.nat(0xffff),
  flags: fc.nat(0xffff),
  ciaddr: address,
  yiaddr: address,
  siaddr: address,
  giaddr: address,
  sname: text(63),
  file: text(127),
  options: unknownOptions,
});

describe("encoding", () => {
  test("what was encoded decodes to the same message, long options and overload included", () => {
    fc.assert(
      fc.property(messages, (message) => {
        let bytes: Uint8Array;
        try {
          bytes = encodeMessage(message, MAX_MESSAGE_BYTES);
        } catch (error) {
          if (!(error instanceof DhcpEncodeError)) throw error;
          const needed = [...message.options.values()].reduce((sum, value) => sum + value.length, 0);
          expect(needed).toBeGreaterThan(1000);
          return;
        }
        expect(bytes.length).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
        expect(decodeMessage(bytes)).toEqual(message);
      }),
      { numRuns: 300 },
    );
  });

  test("an option of more than 255 bytes goes out in parts and comes back whole (RFC 3396)", () => {
    const value = Uint8Array.from({ length: 600 }, (_, index) => index & 0xff);
    const base = decodeMessage(UDHCPC.bytes);
    const bytes = encodeMessage({ ...base, options: new Map([[43, value]]) }, 1000);
    expect([bytes[240], bytes[241]]).toEqual([43, 255]);
    expect([bytes[240 + 257], bytes[240 + 258]]).toEqual([43, 255]);
    expect([bytes[240 + 514], bytes[240 + 515]]).toEqual([43, 90]);
    expect(decodeMessage(bytes).options.get(43)).toEqual(value);
  });

  test("what does not fit spills into the empty file and sname fields, in an order that rejoins parts", () => {
    const base = decodeMessage(UDHCPC.bytes);
    const options = new Map([
      ...makeOptions({ messageType: 2, serverIdentifier: "10.0.0.1" }),
      [200, new Uint8Array(250).fill(1)] as const,
      [201, new Uint8Array(100).fill(2)] as const,
      [202, new Uint8Array(50).fill(3)] as const,
    ]);
    const bytes = encodeMessage({ ...base, options }, 548);
    expect(bytes.length).toBeLessThanOrEqual(548);
    expect([...bytes.subarray(240, 243)]).toEqual([52, 1, 3]);
    expect(decodeMessage(bytes).options).toEqual(options);
    expect(decodeMessage(bytes).file).toBe("");
  });

  test("a file name keeps its field from being used for options", () => {
    const base = { ...decodeMessage(UDHCPC.bytes), file: "bootcode.bin" };
    const options = new Map([
      [200, new Uint8Array(250)],
      [201, new Uint8Array(100)],
    ]);
    expect(() => encodeMessage({ ...base, options }, 548)).toThrow(DhcpEncodeError);
    expect(decodeMessage(encodeMessage({ ...base, options }, 700)).file).toBe("bootcode.bin");
  });

  test("a reply is never shorter than BOOTP's 300 bytes", () => {
    expect(encodeMessage({ ...decodeMessage(UDHCPC.bytes), options: new Map() })).toHaveLength(300);
  });

  test.each([
    ["option 0", new Map([[0, new Uint8Array(1)]])],
    ["option 255", new Map([[255, new Uint8Array(1)]])],
    ["the overload option itself", new Map([[52, Uint8Array.of(1)]])],
  ])("%s cannot be asked for", (_, options) => {
    expect(() => encodeMessage({ ...decodeMessage(UDHCPC.bytes), options })).toThrow(DhcpEncodeError);
  });

  test("a name that is too long or not of single bytes is refused, not cut", () => {
    const base = decodeMessage(UDHCPC.bytes);
    expect(() => encodeMessage({ ...base, file: "x".repeat(128) })).toThrow(DhcpEncodeError);
    expect(() => encodeMessage({ ...base, sname: "x".repeat(64) })).toThrow(DhcpEncodeError);
    expect(() => encodeMessage({ ...base, file: "Ω" })).toThrow(DhcpEncodeError);
  });
});
