/**
 * A file by TFTP (RFC 1350, options of RFC 2347 to 2349), as a Pi 4's EEPROM asks for it: one socket a file, tsize and
 * blksize, one block at a time.
 */
import { createSocket } from "node:dgram";

export interface TftpPlace {
  readonly address: string;
  readonly port: number;
}

const OP = { read: 1, data: 3, acknowledge: 4, error: 5, options: 6 } as const;
const BLOCK_BYTES = 1468;
const DEFAULT_BLOCK_BYTES = 512;
const FILE_NOT_FOUND = 1;
/** What an EEPROM waits, and how often it asks. */
const RETRY_MS = 2000;
const TRIES = 15;
/** No file of a boot is larger; a server that sends more is none of ours. */
const FILE_MAX_BYTES = 256 * 2 ** 20;

/** The whole file, or undefined when it is not there. Rejects when the server refuses or falls silent, or on the signal. */
export async function tftpGet(
  { address, port }: TftpPlace,
  path: string,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>();
  const blocks: Uint8Array[] = [];
  let bytes = 0;
  let blockBytes = DEFAULT_BLOCK_BYTES;
  let peerPort = port;
  let last = request(path);
  let tries = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const send = (packet: Uint8Array): void => {
    last = packet;
    tries = 0;
    repeat();
  };
  const repeat = (): void => {
    clearTimeout(timer);
    if (++tries > TRIES) return reject(new Error(`${address}:${port} does not answer to ${path}`));
    socket.send(last, peerPort, address, (error) => error && reject(error));
    timer = setTimeout(repeat, RETRY_MS);
  };
  const take = (packet: Uint8Array): void => {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    const code = view.getUint16(2);
    switch (view.getUint16(0)) {
      case OP.options: {
        const words = new TextDecoder().decode(packet.subarray(2)).split("\0");
        const at = words.indexOf("blksize");
        if (at >= 0) blockBytes = Number(words[at + 1]) || DEFAULT_BLOCK_BYTES;
        return send(acknowledge(0));
      }
      case OP.data: {
        const block = packet.subarray(4);
        const isNext = code === ((blocks.length + 1) & 0xffff);
        if (isNext) {
          blocks.push(block.slice());
          bytes += block.length;
        }
        if (bytes > FILE_MAX_BYTES) return reject(new Error(`${path} has no end`));
        send(acknowledge(code));
        if (isNext && block.length < blockBytes) resolve(Buffer.concat(blocks));
        return;
      }
      case OP.error: {
        const words = new TextDecoder().decode(packet.subarray(4)).replace(/\0.*$/s, "");
        return code === FILE_NOT_FOUND ? resolve(undefined) : reject(new Error(`${path}: ${words}`));
      }
    }
  };
  socket.on("message", (packet, from) => {
    if (packet.length < 4) return;
    // The first answer tells the port of this transfer.
    if (peerPort === port) peerPort = from.port;
    if (from.port === peerPort) take(packet);
  });
  socket.on("error", reject);
  const onAbort = (): void => reject(new Error("it was interrupted"));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    send(last);
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    socket.close();
  }
}

function request(path: string): Uint8Array {
  const words = [path, "octet", "tsize", "0", "blksize", String(BLOCK_BYTES)];
  return Buffer.concat([Buffer.from([0, OP.read]), Buffer.from(`${words.join("\0")}\0`)]);
}

function acknowledge(block: number): Uint8Array {
  return Uint8Array.of(0, OP.acknowledge, block >> 8, block & 0xff);
}
