import { expect, test } from "bun:test";
import { addressFacing, isServed, type LocalAddress, outwardAddress, plainAddress } from "./addresses.ts";
import { neighbourMac } from "./neighbours.ts";
import { portOwner } from "./port-owner.ts";

const addresses: LocalAddress[] = [
  { interface: "lo", address: "127.0.0.1", prefixLength: 8, internal: true },
  { interface: "eth0", address: "192.168.1.10", prefixLength: 24, internal: false },
  { interface: "eth1", address: "192.168.1.129", prefixLength: 30, internal: false },
];

test("a peer is faced by the address in its network, the nearest first", () => {
  expect(addressFacing("192.168.1.77", addresses)).toBe("192.168.1.10");
  expect(addressFacing("192.168.1.130", addresses)).toBe("192.168.1.129");
  expect(addressFacing("127.0.0.53", addresses)).toBe("127.0.0.1");
  expect(addressFacing("10.1.1.1", addresses)).toBeUndefined();
  expect(addressFacing("not an address", addresses)).toBeUndefined();
});

test("others reach us by an address that is not loopback, when there is one", () => {
  expect(outwardAddress(addresses)).toBe("192.168.1.10");
  expect(outwardAddress(addresses.slice(0, 1))).toBe("127.0.0.1");
});

test("with interfaces named, only their addresses are served", () => {
  expect(isServed("127.0.0.1", ["lo"])).toBe(true);
  expect(isServed("127.0.0.1", ["nothere0"])).toBe(false);
  expect(isServed("10.9.9.9", [])).toBe(true);
});

test("an IPv4 peer of a listener on both families is told plainly", () => {
  expect([plainAddress("::ffff:10.0.0.1"), plainAddress("10.0.0.1"), plainAddress("fe80::1")]).toEqual([
    "10.0.0.1",
    "10.0.0.1",
    "fe80::1",
  ]);
});

test("a neighbour's MAC is known once the kernel has learnt it", () => {
  const table = `IP address       HW type     Flags       HW address            Mask     Device
10.0.0.7         0x1         0x2         DC:A6:32:01:36:C2     *        eth0
10.0.0.8         0x1         0x0         00:00:00:00:00:00     *        eth0
`;
  expect(neighbourMac("10.0.0.7", table)).toBe("dc:a6:32:01:36:c2");
  expect(neighbourMac("10.0.0.8", table)).toBeUndefined();
  expect(neighbourMac("10.0.0.9", table)).toBeUndefined();
});

test("the process that holds a port is named", () => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  expect(portOwner("tcp", listener.port)).toContain(`(process ${process.pid})`);
  listener.stop(true);
  expect(portOwner("tcp", listener.port)).toBeUndefined();
});
