/** The thread that hashes what an import unpacks. Its first message is the port to the import. */
import { lowerThreadPriority } from "../../../disk/host/priority.ts";
import { Sha256 } from "./content-hash.ts";
import { type FromHasher, SLOT_BYTES, type ToHasher } from "./messages.ts";

declare const self: Worker;

self.addEventListener(
  "message",
  ({ data }: MessageEvent<{ readonly port: MessagePort }>) => {
    lowerThreadPriority();
    serve(data.port);
  },
  { once: true },
);

function serve(port: MessagePort): void {
  const hash = new Sha256();
  let ring = new SharedArrayBuffer(0);
  const say = (message: FromHasher): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin, a window has
    port.postMessage(message);
  };
  port.addEventListener("message", ({ data }: MessageEvent<ToHasher>) => {
    switch (data.type) {
      case "ring":
        ring = data.ring;
        return;
      case "slot":
        hash.update(new Uint8Array(ring, data.slot * SLOT_BYTES, data.length));
        return say({ type: "freed", slot: data.slot });
      case "zeros":
        hash.zeros(data.length);
        return say({ type: "freed", slot: data.slot });
      case "digest":
        return say({ type: "digest", ...hash.digest(data.paddingBytes) });
    }
  });
  port.start();
}
