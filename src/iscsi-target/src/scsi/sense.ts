/** Sense data, SPC-4 section 4.5: what went wrong, as three numbers that every initiator knows. */
import { setU16, setU32, setU64 } from "../wire/bytes.ts";

/** Sense key, additional sense code and qualifier. */
export const SENSE = {
  noSense: [0x0, 0x00, 0x00],
  mediumNotPresent: [0x2, 0x3a, 0x00],
  unrecoveredReadError: [0x3, 0x11, 0x00],
  writeError: [0x3, 0x0c, 0x00],
  invalidOpcode: [0x5, 0x20, 0x00],
  lbaOutOfRange: [0x5, 0x21, 0x00],
  invalidFieldInCdb: [0x5, 0x24, 0x00],
  lunNotSupported: [0x5, 0x25, 0x00],
  parameterListLengthError: [0x5, 0x1a, 0x00],
  invalidFieldInParameterList: [0x5, 0x26, 0x00],
  operationInProgress: [0x5, 0x00, 0x16],
  mediumRemovalPrevented: [0x5, 0x53, 0x02],
  invalidRelease: [0x5, 0x26, 0x04],
  tooManyTargetDescriptors: [0x5, 0x26, 0x06],
  unsupportedTargetDescriptor: [0x5, 0x26, 0x07],
  tooManySegmentDescriptors: [0x5, 0x26, 0x08],
  unsupportedSegmentDescriptor: [0x5, 0x26, 0x09],
  inlineDataLengthExceeded: [0x5, 0x26, 0x0b],
  insufficientRegistrationResources: [0x5, 0x55, 0x04],
  invalidFieldInCommandUnit: [0x5, 0x0e, 0x03],
  savingParametersNotSupported: [0x5, 0x39, 0x00],
  mediumMayHaveChanged: [0x6, 0x28, 0x00],
  powerOn: [0x6, 0x29, 0x00],
  lunReset: [0x6, 0x29, 0x03],
  modeParametersChanged: [0x6, 0x2a, 0x01],
  reservationsPreempted: [0x6, 0x2a, 0x03],
  reservationsReleased: [0x6, 0x2a, 0x04],
  registrationsPreempted: [0x6, 0x2a, 0x05],
  commandsCleared: [0x6, 0x2f, 0x00],
  writeProtected: [0x7, 0x27, 0x00],
  softwareWriteProtected: [0x7, 0x27, 0x02],
  spaceAllocationFailed: [0x7, 0x27, 0x07],
  copyAborted: [0xa, 0x00, 0x00],
  copyTargetNotReachable: [0xa, 0x0d, 0x02],
  unexpectedUnsolicitedData: [0xb, 0x0c, 0x0c],
  incorrectAmountOfData: [0xb, 0x0c, 0x0d],
  protocolServiceCrcError: [0xb, 0x47, 0x05],
  insufficientResources: [0xb, 0x55, 0x03],
  dataPhaseError: [0xb, 0x4b, 0x00],
  miscompare: [0xe, 0x1d, 0x00],
} as const satisfies Record<string, readonly [key: number, asc: number, ascq: number]>;

export type SenseName = keyof typeof SENSE;

/** Ends a command with CHECK CONDITION. */
export class SenseError extends Error {
  override readonly name = "SenseError";
  readonly sense: SenseName;
  /** Where in the CDB or parameter list the offending byte is. */
  readonly field: number | undefined;
  /** INFORMATION field: the first LBA, or byte, that is meant. */
  readonly information: number | undefined;

  constructor(sense: SenseName, options: { field?: number; information?: number } = {}) {
    super(sense);
    this.sense = sense;
    this.field = options.field;
    this.information = options.information;
  }
}

/** Ends a command with RESERVATION CONFLICT, a status that has no sense data (SAM-5 5.3.1). */
export class ReservationConflict extends Error {
  override readonly name = "ReservationConflict";
}

export type CommandFailure = SenseError | ReservationConflict;

const FIXED_CURRENT = 0x70;
const DESCRIPTOR_CURRENT = 0x72;
const FIXED_BYTES = 18;
const ILLEGAL_REQUEST = 0x5;

/** Fixed format, SPC-4 section 4.5.3: what initiators expect unless they asked for descriptors. */
export function encodeFixedSense(error: SenseError): Uint8Array {
  const [key, asc, ascq] = SENSE[error.sense];
  const bytes = new Uint8Array(FIXED_BYTES);
  bytes[0] = FIXED_CURRENT;
  bytes[2] = key;
  bytes[7] = FIXED_BYTES - 8;
  bytes[12] = asc;
  bytes[13] = ascq;
  if (error.information !== undefined && error.information <= 0xffffffff) {
    bytes[0] = 0x80 | FIXED_CURRENT;
    setU32(bytes, 3, error.information);
  }
  if (error.field !== undefined && key === ILLEGAL_REQUEST) bytes.set(fieldPointer(error), 15);
  return bytes;
}

/** Descriptor format, SPC-4 section 4.5.2, with an information and a sense-key specific descriptor where known. */
export function encodeDescriptorSense(error: SenseError): Uint8Array {
  const [key, asc, ascq] = SENSE[error.sense];
  const descriptors: Uint8Array[] = [];
  if (error.information !== undefined) {
    const information = Uint8Array.of(0x00, 0x0a, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    setU64(information, 4, error.information);
    descriptors.push(information);
  }
  if (error.field !== undefined && key === ILLEGAL_REQUEST)
    descriptors.push(Uint8Array.of(0x02, 0x06, 0, 0, ...fieldPointer(error), 0));
  const tail = Buffer.concat(descriptors);
  return Buffer.concat([Uint8Array.of(DESCRIPTOR_CURRENT, key, asc, ascq, 0, 0, 0, tail.length), tail]);
}

/** SPC-4 table 44: valid, whether it is in the CDB, and the byte. */
function fieldPointer(error: SenseError): Uint8Array {
  // ASC 26h and its qualifiers are about the parameter list.
  const inCdb = SENSE[error.sense][1] !== 0x26;
  const bytes = Uint8Array.of(0x80 | (inCdb ? 0x40 : 0), 0, 0);
  setU16(bytes, 1, error.field ?? 0);
  return bytes;
}

/** What a failure becomes; of the device's, `code` is the errno name. */
export function failureOf(error: unknown, during: "read" | "write"): CommandFailure {
  if (error instanceof SenseError || error instanceof ReservationConflict) return error;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT") return new SenseError("spaceAllocationFailed");
  return new SenseError(during === "read" ? "unrecoveredReadError" : "writeError");
}
