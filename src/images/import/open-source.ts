/** The source of an import by its order. */
import { dirname } from "node:path";
import { download } from "../fetch/download.ts";
import { parseUrl } from "../fetch/get.ts";
import { PartFile } from "../fetch/part-file.ts";
import type { Bytes } from "./content.ts";
import { wantsSourceSum } from "./checks.ts";
import type { ImportOrder } from "./messages.ts";
import { checkRoom } from "./room.ts";
import { FileSource } from "./source/file-source.ts";
import type { Source } from "./source/source.ts";
import { StreamSource } from "./source/stream-source.ts";

export interface SourceSurroundings {
  /** Those of a stream. */
  readonly chunks: Bytes;
  /** Told of what goes on with a connection. */
  readonly onNote: (words: string) => void;
  /** Ends what waits for a server. */
  readonly signal: AbortSignal;
}

/** Opens what the order names. Throws an `ImageError` or a `DiskError`. */
export function openSource(order: ImportOrder, { chunks, onNote, signal }: SourceSurroundings): Source {
  const { source, spool } = order;
  const folder = dirname(order.target);
  const hashed = wantsSourceSum(order.checks);
  const noRoom = (): void => checkRoom(folder, 0, "the image");
  switch (source.kind) {
    case "file":
      return new FileSource(source.path);
    case "stream":
      return new StreamSource(chunks, {
        totalBytes: () => source.totalBytes,
        hashed,
        spool,
        checkRoom: noRoom,
      });
    case "url": {
      let totalBytes: number | undefined;
      const part = new PartFile(source.partsFolder, source.url);
      const bytes = download({
        url: parseUrl(source.url),
        part,
        limits: source.limits,
        onSize(total, missing) {
          totalBytes = total;
          // The rest of the file, and the image, which is hardly smaller.
          checkRoom(folder, missing + total, "the file with the image in it");
        },
        onRetry: onNote,
        signal,
      });
      return new StreamSource(bytes, {
        totalBytes: () => totalBytes,
        hashed,
        keptAt: part.path,
        spool,
        checkRoom: noRoom,
      });
    }
  }
}
