/** The loaders' TFTP against a server that is written down packet by packet. */
import { expect, test } from "bun:test";
import type { Wire } from "../net/tap.ts";
import { UdpStack, type UdpSocket } from "../net/udp-stack.ts";
import { PROFILES, type TftpShape } from "../profiles.ts";
import { type Outcome, transfer } from "./transfer.ts";

const EEPROM = PROFILES.pi4.loaders[0].tftp;
const ROM = PROFILES.pi3b.loaders[0].tftp;
const PI = "10.0.0.7";
const SERVER = "10.0.0.2";
const TIME_FACTOR = 0.01;

function cable(): readonly [Wire, Wire] {
  const ends = [0, 1].map(() => ({ hear: (_frame: Uint8Array): void => undefined }));
  const end = (own: number): Wire => ({
    send: (frame) => queueMicrotask(() => ends[1 - own]?.hear(frame)),
    listen: (onFrame) => {
      const mine = ends[own];
      if (mine) mine.hear = onFrame;
    },
    close: () => undefined,
  });
  return [end(0), end(1)];
}

/** Runs one transfer; `serve` gets the server's socket and the request's port. */
async function run(
  shape: TftpShape,
  isProbe: boolean,
  serve: (socket: UdpSocket, port: number, request: string) => Promise<void>,
): Promise<Outcome> {
  const [near, far] = cable();
  const netmask = "255.255.255.0";
  const pi = new UdpStack(near, { mac: "dc:a6:32:00:00:01", timeFactor: TIME_FACTOR });
  pi.setAddress({ address: PI, netmask, router: undefined });
  const server = new UdpStack(far, { mac: "02:00:00:00:00:02", timeFactor: TIME_FACTOR });
  server.setAddress({ address: SERVER, netmask, router: undefined });
  const listener = server.open(69);
  const done = transfer(pi.open(49152), shape, TIME_FACTOR, { server: SERVER, path: "file", isProbe });
  const request = await listener.receive(performance.now() + 1000);
  if (!request) throw new Error("no request came");
  await serve(server.open(3000), request.port, new TextDecoder().decode(request.payload));
  return done;
}

function oack(text: string): Uint8Array {
  return new TextEncoder().encode(`\0\u0006${text}`);
}

function data(block: number, bytes: number): Uint8Array {
  return Uint8Array.of(0, 3, 0, block, ...Array.from({ length: bytes }, () => 65));
}

test("an EEPROM asks for size and block size, and takes what fits them", async () => {
  const outcome = await run(EEPROM, false, async (socket, port, request) => {
    expect(request).toBe("\0\u0001file\0octet\0tsize\x000\0blksize\x001468\0");
    await socket.send(PI, port, oack("tsize\x001470\0blksize\x001468\0"));
    await socket.receive(performance.now() + 1000);
    await socket.send(PI, port, data(1, 1468));
    await socket.receive(performance.now() + 1000);
    await socket.send(PI, port, data(2, 2));
  });
  expect(outcome).toMatchObject({ kind: "file" });
  expect(outcome.kind === "file" && outcome.bytes.length).toBe(1470);
});

test("a probe ends with an error that says Early terminate", async () => {
  let last = "";
  const outcome = await run(EEPROM, true, async (socket, port) => {
    await socket.send(PI, port, oack("tsize\x005\0"));
    const answer = await socket.receive(performance.now() + 1000);
    last = new TextDecoder().decode(answer?.payload);
  });
  expect(outcome).toEqual({ kind: "there", sizeBytes: 5 });
  expect(last).toBe("\0\u0005\0\0Early terminate\0");
});

test("a server that does not tell the size is of no use to a loader that must place the file", async () => {
  const outcome = await run(EEPROM, false, (socket, port) => socket.send(PI, port, data(1, 5)));
  expect(outcome).toMatchObject({ kind: "failed" });
});

test("a server that tells a wrong size is found out", async () => {
  const outcome = await run(EEPROM, false, async (socket, port) => {
    await socket.send(PI, port, oack("tsize\x006\0blksize\x001468\0"));
    await socket.receive(performance.now() + 1000);
    await socket.send(PI, port, data(1, 5));
  });
  expect(outcome).toMatchObject({ kind: "failed" });
});

test("an option that nobody asked for is refused", async () => {
  const outcome = await run(EEPROM, false, (socket, port) =>
    socket.send(PI, port, oack("tsize\x005\0windowsize\x004\0")),
  );
  expect(outcome).toMatchObject({ kind: "failed" });
});

test("the ROM asks without options and gets blocks of 512 bytes, a repeated one only once", async () => {
  const outcome = await run(ROM, false, async (socket, port, request) => {
    expect(request).toBe("\0\u0001file\0octet\0");
    for (const packet of [data(1, 512), data(1, 512), data(2, 0)]) {
      await socket.send(PI, port, packet);
      await socket.receive(performance.now() + 1000);
    }
  });
  expect(outcome.kind === "file" && outcome.bytes.length).toBe(512);
});

test("a missing file and a silent server are two things", async () => {
  const missing = await run(EEPROM, false, (socket, port) =>
    socket.send(PI, port, Uint8Array.of(0, 5, 0, 1, 0)),
  );
  const silent = await run(EEPROM, false, async () => undefined);
  expect([missing.kind, silent.kind]).toEqual(["missing", "silent"]);
});
