import { describe, expect, test } from "bun:test";
import { DhcpConfigError } from "./errors.ts";
import { isInPool, poolAddresses, poolFor } from "./pool.ts";

const iface = (address: string, netmask: string) => ({ name: "eth0", index: 1, mac: "", address, netmask });

function addresses(address: string, netmask: string, range?: { first: string; last: string }): string[] {
  return [...poolAddresses(poolFor(iface(address, netmask), range))];
}

describe("the addresses of an interface", () => {
  test("without a range: the top of its network, at most a hundred", () => {
    const given = addresses("10.0.0.1", "255.255.255.0");
    expect([given[0], given.at(-1), given.length]).toEqual(["10.0.0.155", "10.0.0.254", 100]);
  });

  test("a small network is given whole, but for the server", () => {
    expect(addresses("10.0.0.2", "255.255.255.248")).toEqual([
      "10.0.0.1",
      "10.0.0.3",
      "10.0.0.4",
      "10.0.0.5",
      "10.0.0.6",
    ]);
  });

  test("a range is taken as it is, both ends included", () => {
    expect(addresses("10.0.0.1", "255.255.255.0", { first: "10.0.0.5", last: "10.0.0.7" })).toEqual([
      "10.0.0.5",
      "10.0.0.6",
      "10.0.0.7",
    ]);
  });

  test.each([
    ["backwards", "10.0.0.9", "10.0.0.5"],
    ["outside the network", "10.0.1.5", "10.0.1.9"],
    ["half outside the network", "10.0.0.250", "10.0.1.2"],
    ["with the network's own name", "10.0.0.0", "10.0.0.9"],
    ["with the broadcast address", "10.0.0.9", "10.0.0.255"],
    ["of words", "ten", "eleven"],
  ])("a range %s is refused", (_, first, last) => {
    expect(() => poolFor(iface("10.0.0.1", "255.255.255.0"), { first, last })).toThrow(DhcpConfigError);
  });

  test("a network of one cable's two ends has nothing to give", () => {
    expect(() => poolFor(iface("10.0.0.1", "255.255.255.254"), undefined)).toThrow(DhcpConfigError);
  });

  test("what is no address is in no pool", () => {
    expect(isInPool(poolFor(iface("10.0.0.1", "255.255.255.0"), undefined), "10.0.0")).toBe(false);
  });
});
