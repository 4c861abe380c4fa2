import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { hex } from "../../../test/dhcp/golden-packets.ts";
import { formatAddress } from "./address.ts";
import { DhcpDecodeError, DhcpEncodeError } from "./errors.ts";
import { decodePxeMenu, encodePxeMenu, type PxeMenu } from "./pxe-menu.ts";

const name = fc.string({ unit: "binary", maxLength: 40 }).filter((text) => Buffer.byteLength(text) < 60);
const u8 = fc.nat(255);
const u16 = fc.nat(0xffff);
const menus: fc.Arbitrary<PxeMenu> = fc.record(
  {
    discoveryControl: u8,
    bootServers: fc.array(
      fc.record({ type: u16, addresses: fc.array(fc.nat(0xffffffff).map(formatAddress), { maxLength: 5 }) }),
      { maxLength: 5 },
    ),
    prompt: fc.record({ timeoutS: u8, text: name }),
    menu: fc.array(fc.record({ type: u16, text: name }), { maxLength: 4 }),
    bootItem: fc.record({ type: u16, layer: u16 }),
    others: fc
      .dictionary(fc.integer({ min: 12, max: 70 }).map(String), fc.uint8Array({ maxLength: 255 }), {
        minKeys: 1,
        maxKeys: 3,
      })
      .map((entries) => new Map(Object.entries(entries).map(([code, bytes]) => [Number(code), bytes]))),
  },
  { requiredKeys: [] },
);

describe("option 43 of PXE", () => {
  test("a menu as a Pi takes it has these bytes", () => {
    const menu: PxeMenu = {
      discoveryControl: 3,
      prompt: { timeoutS: 0, text: "PXE" },
      menu: [{ type: 0, text: "Raspberry Pi Boot   " }],
    };
    const bytes = `060103 0a0400505845 0917000014${Buffer.from("Raspberry Pi Boot   ").toString("hex")} ff`;
    expect(encodePxeMenu(menu).toHex()).toBe(bytes.replaceAll(" ", ""));
  });

  test("dnsmasq's menu is read", () => {
    const bytes = Uint8Array.fromHex(`060103091400001152617370626572727920506920426f6f740a0500426f6f74ff`);
    expect(decodePxeMenu(bytes)).toEqual({
      discoveryControl: 3,
      menu: [{ type: 0, text: "Raspberry Pi Boot" }],
      prompt: { timeoutS: 0, text: "Boot" },
    });
  });

  test("what was encoded decodes to the same menu", () => {
    fc.assert(
      fc.property(menus, (menu) => {
        expect(decodePxeMenu(encodePxeMenu(menu))).toEqual(menu);
      }),
    );
  });

  test.each(["0601", "06020303ff", "060201", "0903000005ff", "08040001 0200ff", "47050000000000ff"])(
    "%s is refused",
    (digits) => {
      expect(() => decodePxeMenu(hex(digits))).toThrow(DhcpDecodeError);
    },
  );

  test("any bytes are read or refused as malformed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          decodePxeMenu(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DhcpDecodeError);
        }
      }),
    );
  });

  test.each([
    ["a menu longer than a sub-option", { menu: [{ type: 0, text: "x".repeat(253) }] }],
    ["a number too large", { discoveryControl: 256 }],
    ["a type too large", { bootItem: { type: 0x10000, layer: 0 } }],
    ["the end as a code", { others: new Map([[255, new Uint8Array()]]) }],
  ])("%s cannot be encoded", (_, menu) => {
    expect(() => encodePxeMenu(menu)).toThrow(DhcpEncodeError);
  });
});
