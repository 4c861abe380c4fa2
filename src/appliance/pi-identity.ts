/**
 * Is it the firmware of a Raspberry Pi that asks to boot, and which Pi? Told from a DHCP message alone.
 * A PC's PXE ROM looks much the same (architecture 0, "PXEClient:Arch:00000:UNDI:002001"): what tells them apart is
 * option 97, and only when that says nothing, the maker's part of the hardware address.
 */
import { clientMac, type DhcpMessage, readOption } from "dhcp4-ts";
import { MODELS, modelOfRevision } from "./pi-models.ts";

export type PiFamily = "pi3" | "pi4" | "pi5" | "pi";

export interface PiIdentity {
  /** What its firmware speaks like; "pi" when that cannot be told. */
  readonly family: PiFamily;
  /** "Raspberry Pi 4 Model B", when the message says it that closely. */
  readonly model: string | undefined;
  /** The low 32 bits of its serial number as 8 hex digits; a Pi 3B does not tell. */
  readonly serial: string | undefined;
  /** `dc:a6:32:01:36:c2` */
  readonly mac: string;
  /** What it was known by, for a person's eyes. */
  readonly evidence: string;
}

export type PiFinding =
  | { readonly pi: PiIdentity }
  /** Why it is not taken for a Pi's firmware. */
  | { readonly pi: undefined; readonly reason: string };

/** Makers' prefixes of Raspberry Pi Ltd and its predecessors. Such a list goes stale: it is asked last. */
const PI_PREFIXES: ReadonlySet<string> = new Set([
  "b8:27:eb",
  "dc:a6:32",
  "e4:5f:01",
  "d8:3a:dd",
  "2c:cf:67",
  "88:a2:9e",
  "28:cd:c1",
]);
/** True for a hardware address of Raspberry Pi Ltd, as far as the list knows. */
export function hasPiPrefix(mac: string): boolean {
  return PI_PREFIXES.has(mac.slice(0, 8));
}

/** Nothing newer than the Pi 3 was ever made with it. */
const PI3_PREFIX = "b8:27:eb";

const FIRMWARE_CLASS = "PXEClient:Arch:00000:UNDI:002001";
/** A Pi's firmware asks for all of these; an operating system asks for none of them. */
const FIRMWARE_ASKS_FOR = [43, 60, 66, 67];

const MACHINE_ID_BYTES = 17;
/** First byte of option 97 (RFC 4578 section 2.3): a UUID follows. */
const TYPE_UUID = 0;
/** A Pi 3B's boot ROM knows no serial: it sends this byte sixteen times. */
const PI3_ROM_BYTE = 0x44;

/** Tells a Pi's firmware from everybody else; `reason` says why not. */
export function identifyPi(message: DhcpMessage): PiFinding {
  const mac = clientMac(message);
  const vendorClass = readOption(message.options, "vendorClass");
  if (vendorClass !== undefined && vendorClass !== FIRMWARE_CLASS)
    return { pi: undefined, reason: `its vendor class is ${JSON.stringify(vendorClass.slice(0, 64))}` };
  const machineId = readOption(message.options, "clientMachineId");
  const byMachineId = machineId && fromMachineId(machineId, mac);
  if (byMachineId) return { pi: byMachineId };
  if (!hasPiPrefix(mac))
    return { pi: undefined, reason: "neither its machine id nor its hardware address is a Raspberry Pi's" };
  // The REQUEST of a Pi 4 has no vendor class; what it asks for still tells its firmware from its system.
  if (vendorClass === undefined && !asksAsFirmware(message))
    return { pi: undefined, reason: "it is a Raspberry Pi whose system runs already" };
  return {
    pi: {
      family: mac.startsWith(PI3_PREFIX) ? "pi3" : "pi",
      model: undefined,
      serial: undefined,
      mac,
      evidence: `the maker's prefix ${mac.slice(0, 8)}`,
    },
  };
}

function asksAsFirmware(message: DhcpMessage): boolean {
  const asked = readOption(message.options, "parameterRequestList");
  return asked !== undefined && FIRMWARE_ASKS_FOR.every((code) => asked.includes(code));
}

/**
 * Option 97 of a Pi, 17 bytes:
 *
 *   00 | four characters, model digit first or last | board revision LE | last 4 bytes of the MAC | serial LE
 *   00 | serial LE, four times      Pi 3B+; Pi 4 before 2020-03, or with DHCP_OPTION97=0
 *   00 | 44 sixteen times           Pi 3B
 */
function fromMachineId(id: Uint8Array, mac: string): PiIdentity | undefined {
  if (id.length !== MACHINE_ID_BYTES || id[0] !== TYPE_UUID) return undefined;
  const view = new DataView(id.buffer, id.byteOffset, id.byteLength);
  const words = [1, 5, 9, 13].map((at) => view.getUint32(at, true));
  const serial = (words[3] ?? 0).toString(16).padStart(8, "0");

  const digit = modelDigit(id.subarray(1, 5));
  if (digit !== undefined) {
    const model = modelOfRevision(words[1] ?? 0);
    return {
      // The first Pi 5 said 4 in the code; the board revision knows better.
      family: model?.family ?? familyOfDigit(digit),
      model: model?.name,
      serial,
      mac,
      evidence: `machine id with the Pi ${digit} code`,
    };
  }
  if (id.subarray(1).every((byte) => byte === PI3_ROM_BYTE))
    return {
      family: "pi3",
      model: MODELS.pi3b.name,
      serial: undefined,
      mac,
      evidence: "machine id of the Pi 3B's boot ROM",
    };
  // Boards without a UUID of their own send one byte over and over (00 and ff above all): that is no serial.
  const repeats = words.every((word) => word === words[0]);
  if (!repeats || id.subarray(1).every((byte) => byte === id[1])) return undefined;
  return {
    family: familyOfPrefix(mac),
    model: mac.startsWith(PI3_PREFIX) ? MODELS.pi3bPlus.name : undefined,
    serial,
    mac,
    evidence: "machine id with the serial four times",
  };
}

/** "RPi4" up to the EEPROM of 2022-01, "4iPR" since 2022-03. */
function modelDigit(code: Uint8Array): string | undefined {
  const text = String.fromCharCode(...code);
  return /^RPi(\d)$/.exec(text)?.[1] ?? /^(\d)iPR$/.exec(text)?.[1];
}

function familyOfDigit(digit: string): PiFamily {
  const families: Record<string, PiFamily> = { 3: "pi3", 4: "pi4", 5: "pi5" };
  return families[digit] ?? "pi";
}

/** Of those that send their serial four times, all but the Pi 3s are Pi 4s of the first year. */
function familyOfPrefix(mac: string): PiFamily {
  if (mac.startsWith(PI3_PREFIX)) return "pi3";
  return mac.startsWith("dc:a6:32") ? "pi4" : "pi";
}
