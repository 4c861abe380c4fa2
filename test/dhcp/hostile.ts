/**
 * Sends nonsense to a DHCP server's ports from a host of the lab: random bytes, cut and changed real packets,
 * and sound messages with foolish contents. The seed makes a failure repeatable.
 *
 *   bun test/dhcp/hostile.ts '{"to":"10.9.0.1","count":5000,"seed":1}'
 */
import { z } from "zod";
import { openDeviceSocket } from "../../src/dhcp/src/device-socket.ts";
import { OTHERS, PIS } from "./golden-packets.ts";

const { to, count, seed } = z
  .object({ to: z.string(), count: z.number(), seed: z.number() })
  .parse(JSON.parse(process.argv[2] ?? "{}"));

/** mulberry32: small, and the same everywhere. */
let state = seed;
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
}

function randomBytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random(256));
}

function realPacket(): Uint8Array {
  const all = [...PIS, ...OTHERS];
  return (all[random(all.length)]?.bytes ?? new Uint8Array()).slice();
}

function changed(bytes: Uint8Array, from: number): Uint8Array {
  for (let flips = 1 + random(8); flips > 0; flips--) bytes[from + random(bytes.length - from)] = random(256);
  return bytes;
}

const KINDS: readonly (() => Uint8Array)[] = [
  () => randomBytes(random(1500)),
  () => new Uint8Array(0),
  () => realPacket().slice(0, random(300)),
  () => changed(realPacket(), 0),
  () => changed(realPacket(), 240),
  // A sound header, then any options.
  () => Uint8Array.from([...realPacket().subarray(0, 240), ...randomBytes(random(800))]),
  // Larger than any client sends.
  () => Uint8Array.from([...realPacket(), ...new Uint8Array(2000)]),
];

const socket = await openDeviceSocket({
  interface: "eth0",
  port: 68,
  onDatagram: () => undefined,
  onError: (error) => {
    throw error;
  },
});
for (let index = 0; index < count; index++) {
  const bytes = KINDS[index % KINDS.length]?.() ?? new Uint8Array();
  await socket.send(bytes, { address: to, port: random(2) === 0 ? 67 : 4011 });
}
await socket.close();
