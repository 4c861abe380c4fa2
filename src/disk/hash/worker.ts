/** The thread that hashes a file behind its writer. Its first message is the port to the writer. */
import { errnoOf } from "../disk-error.ts";
import { openHostFile, type HostFile } from "../host/file.ts";
import { lowerThreadPriority } from "../host/priority.ts";
import { FileSums } from "./file-sums.ts";
import type { FromHasher, ToHasher } from "./messages.ts";

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
  let file: HostFile | undefined;
  let sums: FileSums | undefined;
  const answer = (message: ToHasher): FromHasher | undefined => {
    switch (message.type) {
      case "file":
        file = openHostFile(message.path, "read-only");
        sums = new FileSums(file);
        return undefined;
      case "reached":
        sums?.advance(message.offset);
        return { type: "hashed", offset: message.offset };
      case "digest":
        return sums && { type: "digest", ...sums.digest(message.contentBytes, message.sizeBytes) };
      case "close":
        file?.close();
        return { type: "closed" };
    }
  };
  port.addEventListener("message", ({ data }: MessageEvent<ToHasher>) => {
    try {
      const said = answer(data);
      if (said) say(port, said);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      say(port, { type: "failed", code: errnoOf(error), message });
    }
  });
  port.start();
}

function say(port: MessagePort, message: FromHasher): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin, a window has
  port.postMessage(message);
}
