/** A tap device as a wire: the emulated Pi's network port, handed to QEMU when the firmware has done its part. */
import { closeSync, openSync, read, writeSync } from "node:fs";
import { dlopen, FFIType, ptr } from "bun:ffi";

/** `ioctl` request that attaches an open /dev/net/tun to a device (linux/if_tun.h). */
const TUNSETIFF = 0x400454ca;
/** Which checksums the other side leaves to us; its argument is no pointer. */
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFREQ_BYTES = 40;
/** No frame on the lab's wires is longer than 1514 bytes. */
const FRAME_BUFFER_BYTES = 2048;

/** A network port: whole Ethernet frames, without their checksum. */
export interface Wire {
  send(frame: Uint8Array): void;
  /** Called with every frame that arrives. */
  listen(onFrame: (frame: Uint8Array) => void): void;
  close(): void;
}

/** Opens an existing tap of this network namespace. Throws when it is absent or in use. */
export function openTap(name: string): Wire {
  const libc = dlopen("libc.so.6", {
    ioctl: { args: [FFIType.i32, FFIType.u64, FFIType.ptr], returns: FFIType.i32 },
  });
  const fd = openSync("/dev/net/tun", "r+");
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(new TextEncoder().encode(name));
  new DataView(request.buffer).setUint16(16, IFF_TAP | IFF_NO_PI, true);
  if (libc.symbols.ioctl(fd, TUNSETIFF, ptr(request)) !== 0) {
    closeSync(fd);
    throw new Error(`tap ${name} cannot be opened: it is not here, or another program holds it`);
  }
  // A QEMU that was killed leaves the tap as its guest wanted it: packets of this machine would have half a checksum.
  libc.symbols.ioctl(fd, TUNSETOFFLOAD, null);
  return new Tap(fd);
}

class Tap implements Wire {
  readonly #fd: number;
  #closed = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  send(frame: Uint8Array): void {
    writeSync(this.#fd, frame);
  }

  listen(onFrame: (frame: Uint8Array) => void): void {
    const buffer = new Uint8Array(FRAME_BUFFER_BYTES);
    const next = (): void => {
      read(this.#fd, buffer, 0, buffer.length, null, (error, length) => {
        if (this.#closed) return;
        if (error) throw error;
        onFrame(buffer.slice(0, length));
        next();
      });
    };
    next();
  }

  close(): void {
    this.#closed = true;
    closeSync(this.#fd);
  }
}
