/** Sends a file of this computer to the library, piece by piece, and goes on after a cut. */
import { call, type Import, Problem } from "./api.ts";

/** Small enough that a cut costs little, large enough that the requests between cost nothing. */
const PIECE_BYTES = 32 * 2 ** 20;
/** A server that restarts, or a WiFi that drops, is back in this time. */
const TRIES = 5;
const TRY_AGAIN_MS = 1_000;

/** Resolves when every byte was taken; the import may still be at work. Throws Problem when it cannot go on. */
export async function upload(file: File): Promise<void> {
  const body = { upload: { file: file.name, size_bytes: file.size } };
  const { id } = await call<Import>("POST", "/images", body);
  let offset = 0;
  let tries = 0;
  while (offset < file.size) {
    try {
      await send(id, offset, file.slice(offset, offset + PIECE_BYTES));
      offset = Math.min(offset + PIECE_BYTES, file.size);
      tries = 0;
    } catch (error) {
      const job = await call<Import>("GET", `/imports/${id}`).catch(() => undefined);
      if (job && job.state !== "running") {
        if (job.error) throw new Problem(job.error.message, job.error.fix);
        return;
      }
      if (++tries >= TRIES) throw error;
      offset = job?.upload_offset ?? offset;
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
}

async function send(id: string, offset: number, piece: Blob): Promise<void> {
  const response = await fetch(`/api/imports/${id}/data`, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream", "upload-offset": String(offset) },
    body: piece,
  });
  if (!response.ok) throw new Problem(`The server answered ${response.status}.`, null);
}
