/**
 * Writes a disk's content to a real one and reads it back. Its first piece, with the partition table, comes last: a
 * card on which the writing stopped is an empty card, not one that boots half.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errnoOf } from "../disk-error.ts";
import { posix } from "../host/posix.ts";
import type { Layer } from "../layer.ts";
import { DeviceRefusal } from "./device-refusal.ts";

const PIECE_BYTES = 2 ** 20;
/** What may wait in memory: the progress is to be the card's and not the memory's. */
const SYNC_EVERY_BYTES = 4 * PIECE_BYTES;
/** A GPT has its copy in the last 33 sectors: of the one before, it must not come back. */
const TAIL_BYTES = 64 * 1024;

export interface DeviceProgress {
  readonly step: "writing" | "reading back";
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface WriteDeviceOptions {
  readonly path: string;
  /** Of the whole device. */
  readonly deviceBytes: number;
  readonly onProgress: (progress: DeviceProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Writes `source` to the beginning of the device, has it on the medium, and compares what is there.
 * Throws DeviceRefusal: "in-use" when somebody else has it open for themselves, "not-permitted", "bad-medium",
 * "cancelled"; or the system's error, EIO for one that is broken.
 */
export async function writeDevice(source: Layer, options: WriteDeviceOptions): Promise<void> {
  const device = await openDevice(options.path);
  try {
    await writeAll(device, source, options);
    await readBack(device, source, options);
  } finally {
    await device.close();
  }
}

async function openDevice(path: string): Promise<FileHandle> {
  try {
    // O_EXCL on a block device: nobody has it mounted, and nobody mounts it meanwhile.
    return await open(path, constants.O_RDWR | constants.O_EXCL);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "EBUSY")
      throw new DeviceRefusal("in-use", `${path} is in use`, "Unmount it and close what looks at it.");
    if (code === "EACCES" || code === "EPERM")
      throw new DeviceRefusal("not-permitted", `${path} may not be written by this user`, "Try with sudo.");
    if (code === "EROFS")
      throw new DeviceRefusal("read-only", `${path} is write-protected`, "Look at the card's switch.");
    throw error;
  }
}

async function writeAll(device: FileHandle, source: Layer, options: WriteDeviceOptions): Promise<void> {
  const { deviceBytes, onProgress } = options;
  const totalBytes = source.sizeBytes;
  const piece = new Uint8Array(PIECE_BYTES);
  const put = async (offset: number): Promise<void> => {
    const bytes = piece.subarray(0, Math.min(PIECE_BYTES, totalBytes - offset));
    await source.read(bytes, offset);
    await writeWhole(device, bytes, offset);
  };
  await writeWhole(device, piece, 0);
  const tail = Math.min(TAIL_BYTES, deviceBytes - totalBytes);
  await writeWhole(device, piece.subarray(0, tail), deviceBytes - tail);
  for (let offset = PIECE_BYTES; offset < totalBytes; offset += PIECE_BYTES) {
    stopIfCancelled(options);
    await put(offset);
    if (offset % SYNC_EVERY_BYTES === 0) await device.datasync();
    onProgress({ step: "writing", doneBytes: offset, totalBytes });
  }
  await device.datasync();
  await put(0);
  await device.sync();
  onProgress({ step: "writing", doneBytes: totalBytes, totalBytes });
}

async function readBack(device: FileHandle, source: Layer, options: WriteDeviceOptions): Promise<void> {
  const totalBytes = source.sizeBytes;
  // Else the memory would answer in the card's place.
  posix?.forget(device.fd);
  const wanted = new Uint8Array(PIECE_BYTES);
  const found = new Uint8Array(PIECE_BYTES);
  for (let offset = 0; offset < totalBytes; offset += PIECE_BYTES) {
    stopIfCancelled(options);
    const length = Math.min(PIECE_BYTES, totalBytes - offset);
    await source.read(wanted.subarray(0, length), offset);
    const { bytesRead } = await device.read(found, 0, length, offset);
    if (bytesRead !== length || Buffer.compare(wanted.subarray(0, length), found.subarray(0, length)) !== 0)
      throw new DeviceRefusal(
        "bad-medium",
        `${options.path} gives back something else than was written, in the piece at ${offset / PIECE_BYTES} MiB`,
        "The card is worn out, or pretends to be larger than it is: take another.",
      );
    options.onProgress({ step: "reading back", doneBytes: offset + length, totalBytes });
  }
}

async function writeWhole(device: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await device.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}

function stopIfCancelled({ path, signal }: WriteDeviceOptions): void {
  if (signal?.aborted)
    throw new DeviceRefusal(
      "cancelled",
      `Stopped: ${path} is not complete, and starts no Pi`,
      "Write it again.",
    );
}
