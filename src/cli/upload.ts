/** Sends the bytes of an import that waits for them. */
import { setTimeout as sleep } from "node:timers/promises";
import { ApplianceError } from "../appliance/index.ts";
import { type Api, read } from "./backend.ts";

/** A network that comes and goes is gone for longer now and then; each byte that got through begins the count anew. */
const TRIES_MAX = 10;
const RETRY_MS = 2_000;

export interface UploadOptions {
  readonly signal: AbortSignal;
  /** Where the bytes begin in the image. */
  readonly offset?: number;
}

/** Sends a stream, or a file. Throws when not all of it was taken. */
export async function uploadBytes(
  { client }: Api,
  id: string,
  body: ReadableStream<Uint8Array> | Blob,
  { signal, offset = 0 }: UploadOptions,
): Promise<void> {
  const header = { "upload-offset": offset };
  await client.imports[":id"].data.$put({ param: { id }, header }, { init: { body, signal } });
}

/** Sends a file. When the connection is lost on the way, it goes on behind the last byte that arrived. */
export async function uploadFile(api: Api, id: string, file: Blob, signal: AbortSignal): Promise<void> {
  let offset = 0;
  for (let tries = 1; ; tries++) {
    try {
      return await uploadBytes(api, id, file.slice(offset), { signal, offset });
    } catch (error) {
      const lost = error instanceof ApplianceError && error.code === "unreachable";
      if (!lost || signal.aborted || tries >= TRIES_MAX) throw error;
      await sleep(RETRY_MS, undefined, { signal });
      const arrived = await arrivedBytes(api, id);
      if (arrived === undefined) continue;
      if (arrived > offset) tries = 1;
      offset = arrived;
    }
  }
}

/** Undefined when nobody answers yet. Throws what ended the import. */
async function arrivedBytes({ client }: Api, id: string): Promise<number | undefined> {
  try {
    const { upload_offset: offset, error } = await read(client.imports[":id"].$get({ param: { id } }));
    if (error) throw new ApplianceError(error.code, error.message, error.fix ?? undefined);
    return offset ?? undefined;
  } catch (error) {
    if (error instanceof ApplianceError && error.code === "unreachable") return undefined;
    throw error;
  }
}
