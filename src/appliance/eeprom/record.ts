/** What is known of the bootloader in a Pi's EEPROM, and what was offered to it. */

/** As the shim reported it. */
export interface BootloaderRecord {
  /** bootconf.txt as it is in force. */
  readonly config: string;
  /** Unix seconds of its latest update, or null when the bootloader does not say. */
  readonly writtenAt: number | null;
  /** Unix milliseconds of the report. */
  readonly seenAt: number;
}

/**
 *   offered --pieeprom.upd was sent whole--> fetched --the Pi reports its time--> done
 */
export const OFFER_STATES = ["offered", "fetched", "done"] as const;
export type OfferState = (typeof OFFER_STATES)[number];

export interface EepromOffer {
  readonly state: OfferState;
  /** "0xf21"; null leaves the Pi's own. */
  readonly bootOrder: string | null;
  /** The address that the firmware's log is to come from; null for none. */
  readonly netconsoleSource: string | null;
  /** Whether the settings that the Pi has now were known, and are kept. */
  readonly keepsSettings: boolean;
  /** What the Pi's bootloader will say it was written at, in Unix seconds. */
  readonly seconds: number;
  /** Unix milliseconds. */
  readonly changedAt: number;
}

/** Settings come from the network: a bootloader's sector holds no more. */
export const CONFIG_MAX_CHARS = 4096;
