import { expect, test } from "bun:test";
import { newSessionIdentity, unitIdentity } from "./ids.ts";

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
  const identity = { naa: "3fffffffffffffff", serialNumber: "ffffffffffffffff" };
  expect(unitIdentity(identity, 0)).toEqual(identity);
  const units = Array.from({ length: 16 }, (_, lun) => unitIdentity(identity, lun));
  expect(new Set(units.map(({ naa }) => naa)).size).toBe(16);
  for (const { naa, serialNumber } of units) {
    expect(naa).toMatch(/^3f[0-9a-f]{14}$/);
    expect(serialNumber).toMatch(/^ff[0-9a-f]{14}$/);
  }
});
