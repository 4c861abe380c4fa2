/** What a Pi 4's firmware fetches before it starts a kernel, in its order. */
import { type TftpPlace, tftpGet } from "./tftp-get.ts";

export interface Fetched {
  readonly kernel: Uint8Array;
  readonly cmdline: string;
}

/** A file without which there is no boot: the server has none. */
export class FirmwareStop extends Error {
  override readonly name = "FirmwareStop";
}

/** Asked for and used by a real board; what it does with them needs the board. */
const BEFORE_KERNEL = ["config.txt", "start4.elf", "fixup4.dat", "bcm2711-rpi-4-b.dtb"] as const;
const KERNEL = "Image.gz";

/** Fetches from the folder of this serial number. Throws FirmwareStop. */
export async function runFirmware(place: TftpPlace, serial: string, signal: AbortSignal): Promise<Fetched> {
  const folder = serial.slice(-8);
  const get = async (name: string): Promise<Uint8Array> => {
    const bytes = await tftpGet(place, `${folder}/${name}`, signal);
    if (!bytes) throw new FirmwareStop(`the server has no ${name} for this Pi`);
    return bytes;
  };
  for (const name of BEFORE_KERNEL) await get(name);
  const cmdline = new TextDecoder().decode(await get("cmdline.txt")).trim();
  return { cmdline, kernel: await get(KERNEL) };
}
