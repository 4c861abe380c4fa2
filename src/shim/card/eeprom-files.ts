/** What `--eeprom` puts on the card for the shim (userland/init/eeprom.sh): Raspberry Pi's files, and where the settings lie in them. */
import { BOOTCONF, EepromImage } from "../eeprom/eeprom-image.ts";
import { makeEepromUpdate } from "../eeprom/update.ts";

export interface CardEepromSource {
  readonly image: EepromImage;
  readonly recovery: Uint8Array;
}

export interface CardEepromOptions {
  /** BOOT_ORDER for a Pi whose own does not try the network. */
  readonly bootOrder: string;
  /** Unix time that the bootloader will say it was written at. */
  readonly seconds: number;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The files by path on the card, one folder for each chip. Throws ShimError "bad-eeprom". */
export function cardEepromFiles(
  sources: readonly CardEepromSource[],
  { bootOrder, seconds }: CardEepromOptions,
): Map<string, Uint8Array> {
  const files = new Map([["eeprom/time", encode(`${seconds}`)]]);
  for (const { image, recovery } of sources) {
    const folder = `eeprom/${image.chip}`;
    const update = makeEepromUpdate(
      image,
      { bootOrder, netconsole: undefined },
      { current: undefined, seconds },
    );
    const { offset, sizeBytes, isLast } = EepromImage.parse(update.image).slot(BOOTCONF);
    files.set(`${folder}/pieeprom.bin`, update.image);
    files.set(`${folder}/recovery.bin`, recovery);
    files.set(`${folder}/slot`, encode(`${offset} ${sizeBytes} ${isLast ? 1 : 0}\n`));
  }
  return files;
}
