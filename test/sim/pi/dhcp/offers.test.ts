import { expect, test } from "bun:test";
import { PROFILES } from "../profiles.ts";
import type { DhcpReply } from "./message.ts";
import { readOffer } from "./offers.ts";

const PI3_ROM = PROFILES.pi3b.loaders[0].dhcp;
const PI4 = PROFILES.pi4.loaders[0].dhcp;
const PI5_STRICT = PROFILES["pi5-strict"].loaders[0].dhcp;
const MACHINE = Uint8Array.of(0, ...Array.from({ length: 16 }, () => 0x44));
const SERVER = [10, 0, 0, 2];

function text(words: string): number[] {
  return [...new TextEncoder().encode(words)];
}

/** Option 43 as dnsmasq sends it, with the menu entry's text. */
function menu(entry: string): number[] {
  return [6, 1, 3, 10, 4, 0, ...text("PXE"), 9, 3 + entry.length, 0, 0, entry.length, ...text(entry), 255];
}

function offer(options: Record<number, readonly number[]>, more: Partial<DhcpReply> = {}): DhcpReply {
  const map = new Map(Object.entries(options).map(([code, value]) => [Number(code), Uint8Array.from(value)]));
  return { xid: 1, mac: "", yiaddr: "0.0.0.0", siaddr: "0.0.0.0", file: "", options: map, ...more };
}

function pxe(entry: string, more: Record<number, readonly number[]> = {}): DhcpReply {
  return offer({ 54: SERVER, 60: text("PXEClient"), 97: [...MACHINE], 43: menu(entry), ...more });
}

test("a Pi 3's ROM wants the menu entry with its three spaces, a Pi 4 takes it with or without", () => {
  expect(readOffer(PI3_ROM, MACHINE, pxe("Raspberry Pi Boot   ")).server).toBe("10.0.0.2");
  expect(readOffer(PI3_ROM, MACHINE, pxe("Raspberry Pi Boot")).server).toBeUndefined();
  expect(readOffer(PI4, MACHINE, pxe("Raspberry Pi Boot")).server).toBe("10.0.0.2");
});

test("the server is option 66 when it is an address, else the offer's sender", () => {
  const named = pxe("Raspberry Pi Boot", { 66: text("10.0.0.9") });
  const byName = pxe("Raspberry Pi Boot", { 66: text("boot.example") });
  expect(readOffer(PI4, MACHINE, named).server).toBe("10.0.0.9");
  expect(readOffer(PI4, MACHINE, byName).server).toBe("10.0.0.2");
});

test("option 66 without a menu is enough for a Pi 4 and not for a Pi 3; siaddr alone is enough for nobody", () => {
  const named = offer({ 54: SERVER, 66: text("10.0.0.9") });
  const onlySiaddr = offer({ 54: SERVER }, { siaddr: "10.0.0.9" });
  expect(readOffer(PI4, MACHINE, named).server).toBe("10.0.0.9");
  expect(readOffer(PI3_ROM, MACHINE, named).server).toBeUndefined();
  expect(readOffer(PI4, MACHINE, onlySiaddr).server).toBeUndefined();
});

test("an offer for another machine, without PXEClient or with a broken option 43 names no server", () => {
  const foreign = pxe("Raspberry Pi Boot", { 97: [0, 1, 2] });
  const plain = pxe("Raspberry Pi Boot", { 60: text("MSFT 5.0") });
  const broken = pxe("Raspberry Pi Boot", { 43: [9, 200, 0] });
  for (const each of [foreign, plain, broken]) {
    const { server, noServerBecause } = readOffer(PI4, MACHINE, each);
    expect(server).toBeUndefined();
    expect(noServerBecause).toBeString();
  }
});

test("one laboratory's Pi 5 wants a boot file name, whatever it says", () => {
  const without = pxe("Raspberry Pi Boot");
  expect(readOffer(PI5_STRICT, MACHINE, without).server).toBeUndefined();
  expect(readOffer(PI5_STRICT, MACHINE, { ...without, file: "x" }).server).toBe("10.0.0.2");
});

test("an address offer has an address, a mask and a router; a proxy's offer has none", () => {
  const leased = offer({ 54: [10, 0, 0, 1], 1: [255, 255, 0, 0], 3: [10, 0, 0, 1] }, { yiaddr: "10.0.0.7" });
  expect(readOffer(PI4, MACHINE, leased).address).toEqual({
    address: "10.0.0.7",
    netmask: "255.255.0.0",
    router: "10.0.0.1",
    serverId: "10.0.0.1",
  });
  expect(readOffer(PI4, MACHINE, pxe("Raspberry Pi Boot")).address).toBeUndefined();
});
