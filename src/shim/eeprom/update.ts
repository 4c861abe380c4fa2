/** An update of a Pi's EEPROM: Raspberry Pi's image with the settings that are wanted, and its signature file. */
import { BOOTCONF, type EepromChip, EepromImage } from "./eeprom-image.ts";
import { bootconfSet, checkBootOrder } from "./bootconf.ts";
import { ShimError } from "../support/shim-error.ts";
import { renderSignature } from "./signature.ts";

export interface EepromWishes {
  /** "0xf21"; undefined leaves what is there. */
  readonly bootOrder: string | undefined;
  /** The value of NETCONSOLE; null takes it out, undefined leaves what is there. */
  readonly netconsole: string | null | undefined;
}

export interface EepromUpdate {
  readonly chip: EepromChip;
  /** pieeprom.upd */
  readonly image: Uint8Array;
  /** pieeprom.sig */
  readonly signature: string;
  /** The settings in it. */
  readonly bootconf: string;
}

/**
 * Makes the update. `current` are the settings that the Pi has now, which are kept; without them it gets those of the
 * image. Throws ShimError "bad-eeprom" for a signed image, settings that do not fit, or a BOOT_ORDER that is none.
 */
export function makeEepromUpdate(
  image: EepromImage,
  wishes: EepromWishes,
  { current, seconds }: { readonly current: string | undefined; readonly seconds: number },
): EepromUpdate {
  if (image.isSigned)
    throw new ShimError(
      "bad-eeprom",
      "The EEPROM image is signed for secure boot: with other settings its signature would be wrong",
      "Take an image without a key from Raspberry Pi's rpi-eeprom repository.",
    );
  if (wishes.bootOrder !== undefined) checkBootOrder(wishes.bootOrder);
  let bootconf = current ?? image.bootconf();
  if (wishes.bootOrder !== undefined) bootconf = bootconfSet(bootconf, "BOOT_ORDER", wishes.bootOrder);
  if (wishes.netconsole !== undefined)
    bootconf = bootconfSet(bootconf, "NETCONSOLE", wishes.netconsole ?? undefined);
  const { bytes, chip } = image.withFile(BOOTCONF, new TextEncoder().encode(bootconf));
  return { chip, image: bytes, signature: renderSignature(bytes, seconds), bootconf };
}
