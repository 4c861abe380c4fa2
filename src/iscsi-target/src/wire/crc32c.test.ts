import { expect, test } from "bun:test";
import fc from "fast-check";
import { crc32c, crc32cByTable, hasDigest, setDigest } from "./crc32c.ts";
import { nativeCrc32c } from "./native-crc32c.ts";

/** RFC 7143 appendix A.4 and RFC 3720 B.4: 32 bytes of each pattern, with the digest as it goes on the wire. */
const VECTORS = [
  { name: "zeros", bytes: new Uint8Array(32), wire: "aa36918a" },
  { name: "ones", bytes: new Uint8Array(32).fill(0xff), wire: "43aba862" },
  { name: "ascending", bytes: Uint8Array.from({ length: 32 }, (_, i) => i), wire: "4e79dd46" },
  { name: "descending", bytes: Uint8Array.from({ length: 32 }, (_, i) => 31 - i), wire: "5cdb3f11" },
];

for (const { name, bytes, wire } of VECTORS) {
  test(`the digest of 32 bytes of ${name} is the RFC's`, () => {
    const digest = new Uint8Array(4);
    const all = new Uint8Array([...bytes, ...digest]);
    setDigest(all, 32, 0, 32);
    expect(all.subarray(32).toHex()).toBe(wire);
    expect(hasDigest(all, 32, 0, 32)).toBe(true);
  });
}

test("the sliced digest equals the bit by bit one at every length and offset", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(20), (bytes, start) => {
      const from = Math.min(start, bytes.length);
      let crc = 0xffffffff;
      for (const byte of bytes.subarray(from)) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
      }
      expect(crc32c(bytes, from)).toBe(~crc >>> 0);
    }),
  );
});

test("the addon is there, and says what the table says at every length and offset", () => {
  expect(nativeCrc32c).toBeDefined();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000, size: "max" }), fc.nat(20), (bytes, start) => {
      const from = Math.min(start, bytes.length);
      expect(nativeCrc32c?.(bytes.subarray(from))).toBe(crc32cByTable(bytes, from));
      expect(crc32c(bytes, from)).toBe(crc32cByTable(bytes, from));
    }),
  );
});
