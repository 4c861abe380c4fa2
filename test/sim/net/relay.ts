/**
 * A bad cable between two taps, as a program: `bun relay.ts TAP TAP '{"seed":1,"there":{"loss":0.01},"back":{}}'`.
 * It prints "ready" when frames pass, and ends when a tap goes away. The kernel of a test machine may have no
 * netem, and this one loses the same frames again for the same seed and traffic.
 *
 * It waits in ppoll, which counts in nanoseconds, and does nothing else: a delay of a millisecond stays one.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { dlopen, FFIType, ptr } from "bun:ffi";
import { type Conditions, Netem } from "./netem.ts";
import { seeded } from "./random.ts";

export interface RelayConditions {
  readonly seed?: number;
  /** From the first tap to the second. */
  readonly there?: Conditions;
  readonly back?: Conditions;
}

/** `ioctl` request that attaches an open /dev/net/tun to a device, and its flags (linux/if_tun.h). */
const TUNSETIFF = 0x400454ca;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFREQ_BYTES = 40;
/** The kernel cuts what offloading made large before a tap sees it. */
const FRAME_BYTES = 2048;
/** struct pollfd: int fd, short events, short revents. */
const POLLFD_BYTES = 8;
const POLLIN = 0x1;
/** The longest sleep without a frame that waits. */
const IDLE_MS = 1000;

const { symbols: libc } = dlopen("libc.so.6", {
  ioctl: { args: [FFIType.i32, FFIType.u64, FFIType.ptr], returns: FFIType.i32 },
  ppoll: { args: [FFIType.ptr, FFIType.u64, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  read: { args: [FFIType.i32, FFIType.ptr, FFIType.u64], returns: FFIType.i64_fast },
});

function openTap(name: string): number {
  const fd = openSync("/dev/net/tun", "r+");
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(new TextEncoder().encode(name));
  new DataView(request.buffer).setUint16(16, IFF_TAP | IFF_NO_PI, true);
  if (libc.ioctl(fd, TUNSETIFF, ptr(request)) === 0) return fd;
  closeSync(fd);
  throw new Error(`tap ${name} cannot be opened`);
}

/** Forwards frames until a tap is gone; blocks its thread. */
function relay(taps: readonly [string, string], { seed = 1, there, back }: RelayConditions): void {
  const [first, second] = [openTap(taps[0]), openTap(taps[1])];
  const random = seeded(seed);
  const ways = [
    { from: first, to: second, network: new Netem<Uint8Array>(there ?? {}, random) },
    { from: second, to: first, network: new Netem<Uint8Array>(back ?? {}, random) },
  ];
  const polled = new DataView(new ArrayBuffer(POLLFD_BYTES * ways.length));
  const patience = new BigInt64Array(2);
  const frame = new Uint8Array(FRAME_BYTES);
  ways.forEach(({ from }, i) => {
    polled.setInt32(i * POLLFD_BYTES, from, true);
    polled.setInt16(i * POLLFD_BYTES + 4, POLLIN, true);
  });
  console.log("ready");

  for (;;) {
    const next = Math.min(...ways.map(({ network }) => network.nextAt));
    const waitMs = Math.min(IDLE_MS, Math.max(0, next - performance.now()));
    patience[0] = BigInt(Math.floor(waitMs / 1000));
    patience[1] = BigInt(Math.floor((waitMs % 1000) * 1e6));
    libc.ppoll(ptr(polled.buffer), ways.length, ptr(patience), null);

    for (const [i, { from, network }] of ways.entries()) {
      if (polled.getInt16(i * POLLFD_BYTES + 6, true) === 0) continue;
      const length = Number(libc.read(from, ptr(frame), FRAME_BYTES));
      if (length <= 0) return;
      network.push(frame.slice(0, length), performance.now());
    }
    for (const { to, network } of ways) for (const due of network.pop(performance.now())) writeSync(to, due);
  }
}

if (import.meta.main) {
  const [first, second, conditions] = process.argv.slice(2);
  if (!first || !second) throw new Error("which taps?");
  const parsed: RelayConditions = JSON.parse(conditions ?? "{}");
  relay([first, second], parsed);
}
