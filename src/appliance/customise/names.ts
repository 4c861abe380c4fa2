/** Names by which nobody is mistaken for another: derived from the Pi, so that they are the same at every boot. */
import { createHash } from "node:crypto";

/** Told apart from anything else that is made of a Pi's key. */
const MACHINE_ID_CONTEXT = "pinetboot machine id 1\n";

export interface BootNames {
  readonly hostname: string;
  /** 32 hex digits, as /etc/machine-id. */
  readonly machineId: string;
}

/** @param key of the Pi: the low half of its serial number, or its MAC */
export function namesOf(key: string, hostname = `pi-${key.replaceAll(":", "")}`): BootNames {
  const bytes = createHash("sha256").update(MACHINE_ID_CONTEXT).update(key).digest().subarray(0, 16);
  // machine-id(5): of the form of a random UUID (version 4, variant 1).
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return { hostname, machineId: bytes.toString("hex") };
}
