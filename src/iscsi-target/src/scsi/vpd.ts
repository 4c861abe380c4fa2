/** Vital product data pages, SPC-4 section 7.8 and SBC-3 section 6.5, one row each. */
import { setU16, setU32, setU64 } from "../wire/bytes.ts";
import {
  MAX_COMPARE_AND_WRITE_BYTES,
  MAX_TRANSFER_BYTES,
  MAX_UNMAP_BYTES,
  MAX_UNMAP_DESCRIPTORS,
  MAX_WRITE_SAME_BYTES,
  OPTIMAL_TRANSFER_BYTES,
  GRANULARITY_BYTES,
} from "./limits.ts";
import { thirdPartyCopyPage } from "./copy/copy-results.ts";
import { SenseError } from "./sense.ts";
import type { Unit } from "./unit.ts";

interface VpdRow {
  readonly page: number;
  readonly name: string;
  readonly body: (unit: Unit, targetName: string) => Uint8Array;
}

/** In ascending order: initiators may rely on it in page 00h. */
export const VPD_ROWS = [
  { page: 0x00, name: "Supported VPD Pages", body: supportedPages },
  { page: 0x80, name: "Unit Serial Number", body: (unit) => ascii(unit.identity.serialNumber) },
  { page: 0x83, name: "Device Identification", body: deviceIdentification },
  { page: 0x86, name: "Extended INQUIRY Data", body: extendedInquiry },
  { page: 0x8f, name: "Third-party Copy", body: thirdPartyCopyPage },
  { page: 0xb0, name: "Block Limits", body: blockLimits },
  { page: 0xb1, name: "Block Device Characteristics", body: blockCharacteristics },
  { page: 0xb2, name: "Logical Block Provisioning", body: logicalBlockProvisioning },
] as const satisfies readonly VpdRow[];

/** The whole page. Throws SenseError for a page that is not there. */
export function vpdPage(page: number, unit: Unit, targetName: string): Uint8Array {
  const row = VPD_ROWS.find((row) => row.page === page);
  if (!row) throw new SenseError("invalidFieldInCdb", { field: 2 });
  const body = row.body(unit, targetName);
  const bytes = new Uint8Array(4 + body.length);
  bytes[1] = page;
  setU16(bytes, 2, body.length);
  bytes.set(body, 4);
  return bytes;
}

function supportedPages(): Uint8Array {
  return Uint8Array.from(VPD_ROWS, (row) => row.page);
}

/** SPC-4 7.8.6: the unit's NAA name; the port's iSCSI name and number, which multipath hosts compare. */
function deviceIdentification(unit: Unit, targetName: string): Uint8Array {
  const portName = `${targetName},t,0x0001`;
  const terminated = ascii(portName + "\0".repeat(4 - (portName.length % 4)));
  return Buffer.concat([
    designator(0x01, 0x03, Uint8Array.fromHex(unit.identity.naa)),
    designator(0x53, 0x98, terminated),
    designator(0x51, 0x94, Uint8Array.of(0, 0, 0, 1)),
  ]);
}

/** Protocol and code set, then association and type (with PIV for those of the iSCSI protocol). */
function designator(codeSet: number, type: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(codeSet, type, 0, value.length), value]);
}

/** SPC-4 7.8.7: simple tasks only, no protection, a volatile cache. */
function extendedInquiry(): Uint8Array {
  const page = new Uint8Array(0x3c);
  page[1] = 0x01; // SIMPSUP
  page[2] = 0x01; // V_SUP
  return page;
}

/** SBC-3 6.5.3; offsets here are those of the page less its header of four bytes. */
function blockLimits(unit: Unit): Uint8Array {
  const blocks = (bytes: number) => Math.floor(bytes / unit.blockSizeBytes);
  const page = new Uint8Array(0x3c);
  page[0] = 0x01; // WSNZ: WRITE SAME of "all the rest" is refused
  page[1] = blocks(MAX_COMPARE_AND_WRITE_BYTES);
  setU16(page, 2, blocks(GRANULARITY_BYTES));
  setU32(page, 4, blocks(MAX_TRANSFER_BYTES));
  setU32(page, 8, blocks(OPTIMAL_TRANSFER_BYTES));
  setU32(page, 16, blocks(MAX_UNMAP_BYTES));
  setU32(page, 20, MAX_UNMAP_DESCRIPTORS);
  setU32(page, 24, blocks(GRANULARITY_BYTES));
  setU32(page, 28, 0x80000000); // UGAVALID, alignment 0
  setU64(page, 32, blocks(MAX_WRITE_SAME_BYTES));
  return page;
}

function blockCharacteristics(): Uint8Array {
  const page = new Uint8Array(0x3c);
  setU16(page, 0, 1); // medium rotation rate: none
  return page;
}

function logicalBlockProvisioning(): Uint8Array {
  // LBPU, LBPWS, LBPWS10; LBPRZ: unmapped blocks read as zeros; thin provisioning.
  return Uint8Array.of(0, 0xe4, 0x02, 0);
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
