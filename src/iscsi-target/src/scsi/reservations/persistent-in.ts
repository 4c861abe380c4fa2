/** PERSISTENT RESERVE IN, SPC-4 section 6.15: what is registered and who holds what. */
import { getU16, setU16, setU32 } from "../../wire/bytes.ts";
import type { Command } from "../command.ts";
import { type Plan, dataPlan } from "../plan.ts";
import { NO_KEY } from "./reservations.ts";
import type { InitiatorPort } from "./state.ts";
import { RESERVATION_TYPE_ROWS, reservationType } from "./types.ts";

/** The target has one port, number 1 (as in VPD page 83h). */
const RELATIVE_TARGET_PORT = 1;
const HOLDER_BIT = 0x01;
/** ATP_C (one port is all ports); TMV: the type mask is valid. */
const CAPABILITIES = { allTargetPorts: 0x04, keepsOverPowerLoss: 0x01, typeMaskValid: 0x80 } as const;

export function readKeys({ cdb, unit }: Command): Plan {
  const { generation, registrations } = unit.shared.reservations.state;
  const keys = registrations.map(({ key }) => Uint8Array.fromHex(key));
  return listPlan(cdb, generation, Buffer.concat(keys));
}

export function readReservation({ cdb, unit }: Command): Plan {
  const { reservations } = unit.shared;
  const { generation, held } = reservations.state;
  if (!held) return listPlan(cdb, generation, new Uint8Array(0));
  const isForAll = reservationType(held.type)?.admits === "allRegistrants";
  const body = new Uint8Array(16);
  body.set(Uint8Array.fromHex(isForAll ? NO_KEY : (reservations.keyOf(held.port) ?? NO_KEY)));
  body[13] = held.type;
  return listPlan(cdb, generation, body);
}

export function reportCapabilities({ cdb, unit }: Command): Plan {
  const { reservations } = unit.shared;
  const bytes = new Uint8Array(8);
  setU16(bytes, 0, bytes.length);
  bytes[2] = CAPABILITIES.allTargetPorts | (reservations.canPersist ? CAPABILITIES.keepsOverPowerLoss : 0);
  bytes[3] = CAPABILITIES.typeMaskValid | (reservations.state.persists ? 1 : 0);
  // The bits of the mask are numbered through its two bytes as the types are.
  setU16(
    bytes,
    4,
    RESERVATION_TYPE_ROWS.reduce((mask, row) => mask | row.mask, 0),
  );
  return dataPlan(bytes, getU16(cdb, 7));
}

export function readFullStatus({ cdb, unit }: Command): Plan {
  const { reservations } = unit.shared;
  const { generation, registrations, held } = reservations.state;
  const entries = registrations.map(({ port, key }) => {
    const isHolder = reservations.isHolder(port);
    const transportId = encodeTransportId(port);
    const entry = new Uint8Array(24);
    entry.set(Uint8Array.fromHex(key));
    entry[12] = isHolder ? HOLDER_BIT : 0;
    entry[13] = isHolder ? (held?.type ?? 0) : 0;
    setU16(entry, 18, RELATIVE_TARGET_PORT);
    setU32(entry, 20, transportId.length);
    return Buffer.concat([entry, transportId]);
  });
  return listPlan(cdb, generation, Buffer.concat(entries));
}

/** iSCSI TransportID with the ISID (format 01b), SPC-4 section 7.6.4.6: zero-ended, in whole words, at least 24 bytes. */
export function encodeTransportId({ initiatorName, isid }: InitiatorPort): Uint8Array {
  const name = new TextEncoder().encode(`${initiatorName},i,0x${isid}`);
  const nameBytes = Math.max(20, Math.ceil((name.length + 1) / 4) * 4);
  const bytes = new Uint8Array(4 + nameBytes);
  bytes[0] = 0x45;
  setU16(bytes, 2, nameBytes);
  bytes.set(name, 4);
  return bytes;
}

function listPlan(cdb: Uint8Array, generation: number, list: Uint8Array): Plan {
  const header = new Uint8Array(8);
  setU32(header, 0, generation);
  setU32(header, 4, list.length);
  return dataPlan(Buffer.concat([header, list]), getU16(cdb, 7));
}
