import { expect, test } from "bun:test";
import { newSessionIdentity, unitNaa, unitSerialNumber } from "./ids.ts";

test("an identity has the forms that every initiator takes", () => {
  for (let round = 0; round < 200; round++) {
    const identity = newSessionIdentity();
    expect(identity.iqn).toMatch(/^iqn\.2026-01\.net\.pinetboot:[a-z0-9]{10}$/);
    expect(identity.chapSecret).toMatch(/^[A-Za-z0-9]{16}$/);
    expect(identity.naa).toMatch(/^3[0-9a-f]{15}$/);
    expect(identity.serialNumber).toMatch(/^[0-9a-f]{16}$/);
  }
});

test("identities do not repeat, in any of their parts", () => {
  const all = Array.from({ length: 500 }, newSessionIdentity);
  for (const part of ["id", "iqn", "chapUser", "chapSecret", "naa", "serialNumber"] as const)
    expect(new Set(all.map((identity) => identity[part])).size).toBe(all.length);
});

test("the units of a session have numbers of their own, of the same form, the first being the session's", () => {
  expect(unitNaa("3fffffffffffffff", 0)).toBe("3fffffffffffffff");
  expect(unitSerialNumber("0123456789abcdef", 0)).toBe("0123456789abcdef");
  for (const numbers of [
    Array.from({ length: 16 }, (_, lun) => unitNaa("3fffffffffffffff", lun)),
    Array.from({ length: 16 }, (_, lun) => unitSerialNumber("ffffffffffffffff", lun)),
  ]) {
    expect(new Set(numbers).size).toBe(16);
    for (const number of numbers) expect(number).toMatch(/^[3f]f[0-9a-f]{14}$/);
  }
});
