import { expect, test } from "bun:test";
import { PROFILES } from "../profiles.ts";
import { machineIdOf } from "./client.ts";

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test("option 97 of a Pi 4 is as seen in a public log, in the byte order of its time", () => {
  const profile = { ...PROFILES.pi4, revision: 0x00d03114 };
  const board = { profile, serial: "1000000091cdf03d", mac: "e4:5f:01:09:02:f7" };
  expect(hex(machineIdOf(board, "fourcc"))).toBe("00346950521431d000010902f73df0cd91");
  expect(hex(machineIdOf(board, "fourcc-old"))).toBe("00525069341431d000010902f73df0cd91");
});

test("option 97 of a Pi 3 is a constant from its ROM, then its serial four times", () => {
  const board = { profile: PROFILES.pi3b, serial: "000000005b154510", mac: "b8:27:eb:15:45:10" };
  expect(hex(machineIdOf(board, "constant"))).toBe(`00${"44".repeat(16)}`);
  expect(hex(machineIdOf(board, "serial-times-four"))).toBe(`00${"1045155b".repeat(4)}`);
});
