import { expect, test } from "bun:test";
import { type DhcpMessage, makeOptions, readOption } from "dhcp4-ts";
import { endpointOption, shimOf } from "./endpoint-option.ts";

function asked(vendorClass: string, vendorOptions?: Uint8Array): DhcpMessage {
  return {
    op: "request",
    hardwareType: 1,
    hardwareAddress: Uint8Array.of(2, 0, 0, 0, 0, 1),
    hops: 0,
    xid: 1,
    secs: 0,
    flags: 0,
    ciaddr: "10.0.0.5",
    yiaddr: "0.0.0.0",
    siaddr: "0.0.0.0",
    giaddr: "0.0.0.0",
    sname: "",
    file: "",
    options: makeOptions({ vendorClass, ...(vendorOptions && { vendorOptions }) }),
  };
}

const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];

test("the endpoint and the computer's name lie in option 43, part 1 and part 2", () => {
  const value = readOption(endpointOption("10.0.0.2", 8069, "laptop"), "vendorOptions");
  expect([...(value ?? [])]).toEqual([1, 13, ...bytes("10.0.0.2:8069"), 2, 6, ...bytes("laptop")]);
});

test("of a computer's name only letters are sent that a console may show", () => {
  const value = readOption(endpointOption("10.0.0.2", 1, "Änne's\u001b[2J Mac"), "vendorOptions");
  expect(new TextDecoder().decode(value).slice(-9)).toBe("nnes2JMac");
});

test("the shim is known by its class, and its serial is read", () => {
  expect(shimOf(asked("pinetboot", Uint8Array.from([3, 8, ...bytes("A1b2c304")])))).toEqual({
    serial: "A1b2c304",
  });
  expect(shimOf(asked("pinetboot"))).toEqual({ serial: undefined });
  expect(shimOf(asked("PXEClient"))).toBeUndefined();
});

test.each([
  ["cut short", [3, 9, 0x61]],
  ["no serial number", [3, 3, ...bytes("a'b")]],
  ["without a length", [3]],
])("a serial that is %s is none", (_, parts) => {
  expect(shimOf(asked("pinetboot", Uint8Array.from(parts)))).toEqual({ serial: undefined });
});
