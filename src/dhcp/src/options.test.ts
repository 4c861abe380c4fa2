import { describe, expect, test } from "bun:test";
import { DhcpDecodeError, DhcpEncodeError } from "./errors.ts";
import { OPTION_TABLE } from "./option-table.ts";
import { makeOptions, readOption } from "./options.ts";

describe("the option table", () => {
  test("no code has two rows", () => {
    const codes = Object.values(OPTION_TABLE).map((row) => row.code);
    expect(new Set(codes).size).toBe(codes.length);
  });

  test.each([
    ["subnetMask", { subnetMask: "255.255.255.0" }, "ffffff00"],
    ["routers", { routers: ["10.0.0.1", "10.0.0.2"] }, "0a0000010a000002"],
    ["leaseTimeS", { leaseTimeS: 0xfffffffe }, "fffffffe"],
    ["maxMessageBytes", { maxMessageBytes: 1260 }, "04ec"],
    ["messageType", { messageType: 5 }, "05"],
    ["clientArchitectures", { clientArchitectures: [0, 11] }, "0000000b"],
    ["rootPath", { rootPath: "iscsi:ü" }, "69736373693ac3bc"],
    ["clientMachineId", { clientMachineId: Uint8Array.of(0, 1) }, "0001"],
  ] as const)("%s has its bytes, and is read back", (name, values, hex) => {
    const options = makeOptions(values);
    expect(options.get(OPTION_TABLE[name].code)?.toHex()).toBe(hex);
    expect(readOption(options, name)).toEqual(Object.values(values)[0]);
  });

  test.each([
    ["an address with a letter", { subnetMask: "255.255.255.o" }],
    ["an address with a part too many", { serverIdentifier: "10.0.0.0.1" }],
    ["an address with a part too large", { serverIdentifier: "10.0.0.256" }],
    ["a number too large", { messageType: 256 }],
    ["a negative number", { leaseTimeS: -1 }],
    ["half a second", { leaseTimeS: 0.5 }],
  ])("%s is refused when an option is made", (_, values) => {
    expect(() => makeOptions(values)).toThrow(DhcpEncodeError);
  });

  test("trailing NULs are no part of a text", () => {
    expect(readOption(new Map([[60, new TextEncoder().encode("PXEClient\0\0")]]), "vendorClass")).toBe(
      "PXEClient",
    );
  });

  test("a value of a wrong length is an error, not an absent option", () => {
    expect(() => readOption(new Map([[54, new Uint8Array(3)]]), "serverIdentifier")).toThrow(DhcpDecodeError);
  });
});
