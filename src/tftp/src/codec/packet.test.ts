import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { TftpError } from "./error-code.ts";
import { decodePacket, encodePacket, type Packet } from "./packet.ts";

const bytesOf = (latin1: string): Uint8Array => new Uint8Array(Buffer.from(latin1, "latin1"));
const word = fc.string({ unit: "grapheme", maxLength: 20 }).map((s) => s.replaceAll("\0", ""));
const optionName = word.filter((s) => s !== "").map((s) => s.toLowerCase());
const options = fc.array(fc.tuple(optionName, word), { maxLength: 4 });
const number = fc.nat({ max: 0xffff });
const mode = fc.constantFrom("octet", "netascii", "mail");
const anyPacket: fc.Arbitrary<Packet> = fc.oneof(
  fc.record({ op: fc.constantFrom("rrq" as const, "wrq" as const), path: word, mode, options }),
  fc.record({ op: fc.constant("data" as const), block: number, payload: fc.uint8Array() }),
  fc.record({ op: fc.constant("ack" as const), block: number }),
  fc.record({ op: fc.constant("error" as const), code: number, message: word }),
  fc.record({ op: fc.constant("oack" as const), options }),
);

describe("packets", () => {
  test("a Pi 4's read request is read with its options in order", () => {
    const seen = bytesOf("\0\x01cafe0001/start4.elf\0octet\0tsize\x000\0blksize\x001024\0");
    expect(decodePacket(seen)).toEqual({
      op: "rrq",
      path: "cafe0001/start4.elf",
      mode: "octet",
      options: [
        ["tsize", "0"],
        ["blksize", "1024"],
      ],
    });
  });

  test("modes and option names are read whatever their case", () => {
    expect(decodePacket(bytesOf("\0\x01F\0OcTeT\0BlkSize\x008\0"))).toMatchObject({
      path: "F",
      mode: "octet",
      options: [["blksize", "8"]],
    });
  });

  test("NULs behind the end of a request, as a boot ROM's fixed buffer leaves them, are no options", () => {
    expect(decodePacket(bytesOf("\0\x01f\0octet\0\0\0\0"))).toMatchObject({ options: [] });
  });

  test("an ERROR is read without the NUL at its end too", () => {
    expect(decodePacket(bytesOf("\0\x05\0\0Early terminate"))).toEqual({
      op: "error",
      code: 0,
      message: "Early terminate",
    });
  });

  test.each([
    ["nothing", ""],
    ["one byte", "\0"],
    ["an unknown opcode", "\0\x07abc"],
    ["an opcode of 256", "\x01\0abc"],
    ["a request without a mode", "\0\x01file\0"],
    ["a mode without an end", "\0\x01file\0octet"],
    ["an option without a value", "\0\x01file\0octet\0blksize\0"],
    ["an option without a name", "\0\x01file\0octet\0\x008\0"],
    ["a name that is not UTF-8", "\0\x01\xff\xfe\0octet\0"],
    ["an ACK without its number", "\0\x04\0"],
    ["an ERROR without its code", "\0\x05\0"],
  ])("%s is refused as an illegal operation", (_name, wire) => {
    const decode = (): Packet => decodePacket(bytesOf(wire));
    expect(decode).toThrow(TftpError);
    expect(decode).toThrow(expect.objectContaining({ code: 4 }));
  });

  test("what is encoded is decoded as it was", () => {
    fc.assert(fc.property(anyPacket, (packet) => expect(decodePacket(encodePacket(packet))).toEqual(packet)));
  });

  test("random bytes give a packet or a TftpError, never another fault", () => {
    const byte = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 5, 6), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), (bytes) => {
        try {
          decodePacket(Uint8Array.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(TftpError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
