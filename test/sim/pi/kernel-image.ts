/** What the firmware needs of a kernel file: is it one that this CPU mode can start? */
import { gunzipSync } from "node:zlib";
import { FirmwareStop } from "./files.ts";

/** "ARM\x64" at byte 56 of an arm64 Image (Linux, Documentation/arch/arm64/booting.rst). */
const ARM64_MAGIC = 0x644d5241;
const ARM64_MAGIC_AT = 56;

/** Throws FirmwareStop unless the file is an arm64 Image, gzipped or not, and the CPU starts in 64-bit mode. */
export function checkKernel(name: string, file: Uint8Array, is64Bit: boolean): void {
  if (!is64Bit) throw new FirmwareStop(`${name} would be started in 32-bit mode: arm_64bit=1 is missing`);
  const image = file[0] === 0x1f && file[1] === 0x8b ? unpack(name, file) : file;
  const isArm64 =
    image.length > ARM64_MAGIC_AT + 4 &&
    new DataView(image.buffer, image.byteOffset).getUint32(ARM64_MAGIC_AT, true) === ARM64_MAGIC;
  if (!isArm64) throw new FirmwareStop(`${name} is no arm64 kernel`);
}

function unpack(name: string, file: Uint8Array): Uint8Array {
  try {
    return gunzipSync(file);
  } catch (error) {
    throw new FirmwareStop(`${name} cannot be unpacked: ${String(error)}`);
  }
}
