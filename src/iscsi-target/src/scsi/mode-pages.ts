/** Mode pages, SPC-4 section 7.5 and SBC-3 section 6.4, one row each: what MODE SENSE tells and MODE SELECT may change. */
import { getU8, setU16 } from "../wire/bytes.ts";

/** What an initiator may set, for all initiators, until the unit is reset. */
export interface ModeSettings {
  /** SWP: refuses writes. */
  readonly writeProtect: boolean;
  /** D_SENSE: sense data in descriptor format. */
  readonly descriptorSense: boolean;
}

export const DEFAULT_MODE: ModeSettings = { writeProtect: false, descriptorSense: false };

export interface ModePageRow {
  readonly page: number;
  readonly name: string;
  /** What follows the page's code and length. */
  readonly body: (settings: ModeSettings) => Uint8Array;
  /** The bits of the body that may be changed, and what they then mean. */
  readonly change?: { readonly mask: Uint8Array; readonly read: (body: Uint8Array) => ModeSettings };
}

const D_SENSE_BIT = 0x04;
const SWP_BIT = 0x08;

export const MODE_PAGE_ROWS: readonly ModePageRow[] = [
  { page: 0x01, name: "Read-Write Error Recovery", body: () => new Uint8Array(10) },
  // WCE, the truth: a write is answered when it is with the kernel, and stable after SYNCHRONIZE CACHE or FUA.
  { page: 0x08, name: "Caching", body: () => caching({ writeCacheEnabled: true }) },
  {
    page: 0x0a,
    name: "Control",
    body: control,
    change: {
      mask: Uint8Array.of(D_SENSE_BIT, 0, SWP_BIT, 0, 0, 0, 0, 0, 0, 0),
      read: (body) => ({
        descriptorSense: (getU8(body, 0) & D_SENSE_BIT) !== 0,
        writeProtect: (getU8(body, 2) & SWP_BIT) !== 0,
      }),
    },
  },
  { page: 0x1c, name: "Informational Exceptions Control", body: () => new Uint8Array(10) },
];

function caching({ writeCacheEnabled }: { writeCacheEnabled: boolean }): Uint8Array {
  const body = new Uint8Array(18);
  body[0] = writeCacheEnabled ? 0x04 : 0;
  return body;
}

/** Unrestricted reordering (the queue is not kept in order across tasks), no autosense surprises. */
function control({ descriptorSense, writeProtect }: ModeSettings): Uint8Array {
  const body = new Uint8Array(10);
  body[0] = descriptorSense ? D_SENSE_BIT : 0;
  body[1] = 0x10;
  body[2] = writeProtect ? SWP_BIT : 0;
  setU16(body, 6, 0xffff); // busy timeout: unlimited
  return body;
}
