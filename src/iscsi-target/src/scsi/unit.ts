import type { BlockDevice } from "../block-device.ts";
import type { CopyProgress } from "./copy/extended-copy.ts";
import type { LogicalUnit } from "../directory.ts";
import type { InitiatorPort } from "./reservations/state.ts";
import { SenseError, type SenseName } from "./sense.ts";
import { SharedUnit } from "./shared-unit.ts";

/** A logical unit as one session sees it: the disk's facts and the unit attentions that wait for this initiator. */
export class Unit {
  readonly lun: number;
  readonly device: BlockDevice;
  readonly blockSizeBytes: number;
  readonly physicalBlockSizeBytes: number;
  readonly blocks: number;
  readonly identity: LogicalUnit;
  /** Who looks at it. */
  readonly port: InitiatorPort;
  readonly shared: SharedUnit;
  /** Copies of this session by list id. */
  readonly copies = new Map<number, CopyProgress>();
  /** Drops what this session has under way here; set by the session. */
  abortTasks: () => void = () => undefined;
  #attentions: SenseName[];

  constructor(unit: LogicalUnit, port: InitiatorPort, shared = new SharedUnit(unit)) {
    checkIdentity(unit);
    this.lun = unit.lun;
    this.device = unit.device;
    this.blockSizeBytes = unit.blockSizeBytes;
    this.physicalBlockSizeBytes = Math.max(unit.blockSizeBytes, unit.physicalBlockSizeBytes ?? 0);
    this.blocks = Math.floor(unit.device.sizeBytes / unit.blockSizeBytes);
    this.identity = unit;
    this.port = port;
    this.shared = shared;
    shared.attach(this);
    // SAM-5 5.14: a new nexus learns that the unit has been powered on; hosts clear it with their first command.
    this.#attentions = ["powerOn"];
  }

  attend(sense: SenseName): void {
    if (!this.#attentions.includes(sense)) this.#attentions.push(sense);
  }

  get isRemovable(): boolean {
    return this.identity.removable ?? false;
  }

  /** What a write ends with, if it may not be. */
  get writeProtection(): SenseName | undefined {
    if (this.device.readOnly || this.identity.readOnly) return "writeProtected";
    return this.shared.mode.writeProtect ? "softwareWriteProtected" : undefined;
  }

  /** Every write goes through here, so that commands which look before they write know of it. */
  write(data: Uint8Array, offset: number): void {
    this.device.write(data, offset);
    this.shared.touch(offset, data.length);
  }

  discard(offset: number, length: number): void {
    this.device.discard(offset, length);
    this.shared.touch(offset, length);
  }

  /** Has the device ready for a write, a discard or its map of the range; undefined when it is. */
  prepare(offset: number, length: number): Promise<void> | undefined {
    return this.device.prepare?.(offset, length);
  }

  /** LOGICAL UNIT RESET or something like it, SAM-5 section 6.3.3. */
  reset(sense: SenseName): void {
    this.shared.reset();
    this.attend(sense);
  }

  /** Takes the oldest attention off the queue: it is reported once. */
  takeAttention(): SenseName | undefined {
    return this.#attentions.shift();
  }

  /** Byte offset and length of a range of blocks. Throws SenseError when it leaves the disk (SBC-3 4.7: empty ranges too). */
  range(lba: number, count: number): { offset: number; length: number } {
    if (lba >= this.blocks || count > this.blocks - lba)
      throw new SenseError("lbaOutOfRange", { information: lba });
    return { offset: lba * this.blockSizeBytes, length: count * this.blockSizeBytes };
  }
}

/** Wrong identities are a bug of the owner and are said when the session opens, not when a host stumbles. */
function checkIdentity(unit: LogicalUnit): void {
  const { lun, naa, serialNumber, vendor = "", product = "", revision = "" } = unit;
  if (!Number.isInteger(lun) || lun < 0 || lun > 255) throw new RangeError(`LUN ${lun} is not 0 to 255`);
  if (!/^(?:[235][0-9a-f]{15}|6[0-9a-f]{31})$/i.test(naa))
    throw new RangeError(`${naa} is no NAA identifier`);
  if (serialNumber === "" || !fits(serialNumber, 64))
    throw new RangeError("the serial number is not 1 to 64 ASCII");
  if (!fits(vendor, 8) || !fits(product, 16) || !fits(revision, 4))
    throw new RangeError("vendor, product or revision does not fit its INQUIRY field");
}

function fits(text: string, mostCharacters: number): boolean {
  return text.length <= mostCharacters && /^[\x20-\x7e]*$/.test(text);
}
