import { describe, expect, test } from "bun:test";
import { decodeMessage, type DhcpMessage, encodePxeMenu, makeOptions } from "dhcp4-ts";
import fc from "fast-check";
import {
  hex,
  OTHERS,
  PI_3B,
  PI_3B_PLUS,
  PI_4_FIRST,
  PI_4_NEW,
  PI_4_OLD,
  PI_5,
  PI_5_FIRST,
  PXE_PC,
  UDHCPC,
} from "../../test/dhcp/golden-packets.ts";
import { piPxeAnswer, piReplyDelayMs } from "./pi-dhcp-answer.ts";
import { identifyPi } from "./pi-identity.ts";

function change(
  golden: { bytes: Uint8Array },
  options: Parameters<typeof makeOptions>[0],
  mac?: string,
): DhcpMessage {
  const message = decodeMessage(golden.bytes);
  return {
    ...message,
    ...(mac === undefined ? {} : { hardwareAddress: Uint8Array.fromHex(mac.replaceAll(":", "")) }),
    options: new Map([...message.options, ...makeOptions(options)]),
  };
}

function without(golden: { bytes: Uint8Array }, ...codes: number[]): DhcpMessage {
  const message = decodeMessage(golden.bytes);
  return { ...message, options: new Map([...message.options].filter(([code]) => !codes.includes(code))) };
}

describe("a Raspberry Pi is known", () => {
  test.each([
    [PI_3B, "pi3", undefined, "Raspberry Pi 3 Model B"],
    [PI_3B_PLUS, "pi3", "00654321", "Raspberry Pi 3 Model B Plus"],
    [PI_4_FIRST, "pi4", "d4c3b2a1", undefined],
    [PI_4_OLD, "pi4", "5b154510", "Raspberry Pi 4 Model B"],
    [PI_4_NEW, "pi4", "91cdf03d", "Raspberry Pi 4 Model B"],
    [PI_5_FIRST, "pi5", "deadbeef", "Raspberry Pi 5 Model B"],
    [PI_5, "pi5", "12345678", "Raspberry Pi 5 Model B"],
  ] as const)("$name by its machine id", (golden, family, serial, model) => {
    expect(identifyPi(decodeMessage(golden.bytes)).pi).toMatchObject({
      family,
      serial,
      model,
      mac: golden.mac,
    });
  });

  test("its code counts, not its hardware address: a Pi behind another card is still one", () => {
    expect(identifyPi(change(PI_4_NEW, {}, "52:54:00:00:00:01")).pi).toMatchObject({
      family: "pi4",
      serial: "91cdf03d",
    });
  });

  test("a model that is not known yet is a Pi all the same", () => {
    const id = hex("00 39695052 50b2e000 0a0b0c0d 04030201");
    expect(identifyPi(change(PI_4_NEW, { clientMachineId: id })).pi).toMatchObject({
      family: "pi",
      serial: "01020304",
      model: undefined,
    });
  });

  test("the REQUEST of a Pi 4, without vendor class, is its firmware's", () => {
    expect(identifyPi(without(PI_4_NEW, 60)).pi?.family).toBe("pi4");
    expect(identifyPi(without(PI_4_NEW, 60, 97)).pi?.evidence).toContain("e4:5f:01");
  });

  test("with a machine id that says nothing, the maker's prefix decides", () => {
    const id = hex("00 0123456789abcdef0123456789abcdee");
    expect(identifyPi(change(PI_3B, { clientMachineId: id })).pi).toMatchObject({
      family: "pi3",
      serial: undefined,
    });
  });
});

describe("nobody else is taken for a Raspberry Pi", () => {
  for (const golden of OTHERS)
    test(golden.name, () => {
      expect(identifyPi(decodeMessage(golden.bytes)).pi).toBeUndefined();
    });

  test("a PC's PXE ROM with any random UUID", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (uuid) => {
        const message = change(PXE_PC, { clientMachineId: Uint8Array.of(0, ...uuid) });
        expect(identifyPi(message).pi).toBeUndefined();
      }),
      // Of fast-check's odd values too: all zeros, all ones, all the same.
      {
        numRuns: 2000,
        examples: [[new Uint8Array(16)], [new Uint8Array(16).fill(255)], [new Uint8Array(16).fill(17)]],
      },
    );
  });

  test("a machine id of another length or type", () => {
    for (const digits of ["00" + "44".repeat(15), "00" + "44".repeat(17), "01" + "44".repeat(16)]) {
      const message = change(PXE_PC, { clientMachineId: hex(digits) });
      expect(identifyPi(message).pi).toBeUndefined();
    }
  });

  test("a Raspberry Pi whose system runs already", () => {
    const message = change(UDHCPC, {}, "dc:a6:32:01:36:c2");
    expect(identifyPi(message)).toMatchObject({ pi: undefined, reason: expect.stringContaining("udhcp") });
    const plain = without(UDHCPC, 60);
    expect(identifyPi({ ...plain, hardwareAddress: Uint8Array.fromHex("dca6320136c2") })).toMatchObject({
      pi: undefined,
      reason: "it is a Raspberry Pi whose system runs already",
    });
  });

  test("UEFI firmware on a Raspberry Pi, which boots in another way", () => {
    expect(
      identifyPi(change(PI_4_NEW, { vendorClass: "PXEClient:Arch:00011:UNDI:003016" })).pi,
    ).toBeUndefined();
  });
});

describe("what a Raspberry Pi is sent", () => {
  test("option 43 has the name with three trailing spaces that the Pi 3B wants", () => {
    const text = Buffer.from(encodePxeMenu(piPxeAnswer().menu)).toString("latin1");
    expect(text).toContain("Raspberry Pi Boot   ");
    expect(text.startsWith("\u0006\u0001\u0003")).toBe(true);
  });

  test("a Pi 3 is answered after a second, every other at once", () => {
    const delays = [PI_3B, PI_3B_PLUS, PI_4_NEW, PI_5].map((golden) => {
      const { pi } = identifyPi(decodeMessage(golden.bytes));
      return pi && piReplyDelayMs(pi);
    });
    expect(delays).toEqual([1000, 1000, 0, 0]);
  });
});
