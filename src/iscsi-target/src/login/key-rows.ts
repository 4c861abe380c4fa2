/**
 * Every key that is negotiated or declared, RFC 7143 section 13, one row each. The CHAP keys and AuthMethod
 * belong to chap.ts; SendTargets to discovery.
 *
 * `result` says how an offer and our own wish become the outcome:
 *   minimum, maximum  of two numbers        and, or   of two booleans
 *   first             of the initiator's list that we have too
 *   declared          the initiator's own statement; nothing is answered
 */
export type KeyPhase =
  /** First request of a login, whatever its stage. */
  | "first"
  /** Operational stage of the login, and nothing later: the session's shape is fixed. */
  | "operational"
  /** Any stage of the login, and text requests in full feature phase. */
  | "any";

interface NumberRow {
  readonly key: string;
  readonly result: "minimum" | "maximum";
  readonly range: readonly [least: number, most: number];
  readonly default: number;
  readonly ours: number;
  readonly phase: KeyPhase;
  readonly discovery: boolean;
}

interface BooleanRow {
  readonly key: string;
  readonly result: "and" | "or";
  readonly default: boolean;
  readonly ours: boolean;
  readonly phase: KeyPhase;
  readonly discovery: boolean;
}

interface ListRow {
  readonly key: string;
  readonly result: "first";
  readonly default: string;
  readonly ours: readonly string[];
  readonly phase: KeyPhase;
  readonly discovery: boolean;
}

interface DeclaredNumberRow {
  readonly key: string;
  readonly result: "declared";
  readonly range: readonly [least: number, most: number];
  readonly default: number;
  readonly phase: KeyPhase;
  readonly discovery: boolean;
}

interface DeclaredTextRow {
  readonly key: string;
  readonly result: "declared";
  readonly maxLength: number;
  readonly default: undefined;
  readonly phase: KeyPhase;
  readonly discovery: boolean;
}

export type KeyRow = NumberRow | BooleanRow | ListRow | DeclaredNumberRow | DeclaredTextRow;

/** Section 4.2.7.1: an iSCSI name is 223 bytes at most. */
export const MAX_NAME_BYTES = 223;
/** Length fields of 24 bits. */
const MAX_SEGMENT = 16_777_215;
/** The data segment that we take in full feature phase, as tgt's tuned setting and open-iscsi's own. */
export const OUR_MAX_RECV_DATA_BYTES = 262_144;
/** Section 13.12: in force during login, and afterwards unless declared. */
export const DEFAULT_MAX_RECV_DATA_BYTES = 8192;

export const KEY_ROWS = [
  {
    key: "InitiatorName",
    result: "declared",
    maxLength: MAX_NAME_BYTES,
    default: undefined,
    phase: "first",
    discovery: true,
  },
  {
    key: "InitiatorAlias",
    result: "declared",
    maxLength: 255,
    default: undefined,
    phase: "any",
    discovery: true,
  },
  {
    key: "TargetName",
    result: "declared",
    maxLength: MAX_NAME_BYTES,
    default: undefined,
    phase: "first",
    discovery: true,
  },
  {
    key: "SessionType",
    result: "declared",
    maxLength: 9,
    default: undefined,
    phase: "first",
    discovery: true,
  },
  {
    key: "HeaderDigest",
    result: "first",
    ours: ["CRC32C", "None"],
    default: "None",
    phase: "operational",
    discovery: true,
  },
  {
    key: "DataDigest",
    result: "first",
    ours: ["CRC32C", "None"],
    default: "None",
    phase: "operational",
    discovery: true,
  },
  {
    key: "MaxConnections",
    result: "minimum",
    range: [1, 65535],
    default: 1,
    ours: 1,
    phase: "operational",
    discovery: false,
  },
  { key: "InitialR2T", result: "or", default: true, ours: false, phase: "operational", discovery: false },
  { key: "ImmediateData", result: "and", default: true, ours: true, phase: "operational", discovery: false },
  {
    key: "MaxRecvDataSegmentLength",
    result: "declared",
    range: [512, MAX_SEGMENT],
    default: DEFAULT_MAX_RECV_DATA_BYTES,
    phase: "any",
    discovery: true,
  },
  // Bursts cost nothing here: data goes to the disk as it arrives, and reads are made as they are sent.
  {
    key: "MaxBurstLength",
    result: "minimum",
    range: [512, MAX_SEGMENT],
    default: 262_144,
    ours: 16_776_192,
    phase: "operational",
    discovery: false,
  },
  {
    key: "FirstBurstLength",
    result: "minimum",
    range: [512, MAX_SEGMENT],
    default: 65_536,
    ours: 262_144,
    phase: "operational",
    discovery: false,
  },
  {
    key: "DefaultTime2Wait",
    result: "maximum",
    range: [0, 3600],
    default: 2,
    ours: 0,
    phase: "operational",
    discovery: true,
  },
  // Nothing of a broken connection is kept at ErrorRecoveryLevel 0.
  {
    key: "DefaultTime2Retain",
    result: "minimum",
    range: [0, 3600],
    default: 20,
    ours: 0,
    phase: "operational",
    discovery: true,
  },
  {
    key: "MaxOutstandingR2T",
    result: "minimum",
    range: [1, 65535],
    default: 1,
    ours: 1,
    phase: "operational",
    discovery: false,
  },
  { key: "DataPDUInOrder", result: "or", default: true, ours: true, phase: "operational", discovery: false },
  {
    key: "DataSequenceInOrder",
    result: "or",
    default: true,
    ours: true,
    phase: "operational",
    discovery: false,
  },
  {
    key: "ErrorRecoveryLevel",
    result: "minimum",
    range: [0, 2],
    default: 0,
    ours: 0,
    phase: "operational",
    discovery: true,
  },
  // RFC 7143 13.26: 1 is that document itself, 2 adds RFC 7144, which we do not have.
  {
    key: "iSCSIProtocolLevel",
    result: "minimum",
    range: [0, 31],
    default: 1,
    ours: 1,
    phase: "operational",
    discovery: true,
  },
  {
    key: "TaskReporting",
    result: "first",
    ours: ["RFC3720"],
    default: "RFC3720",
    phase: "operational",
    discovery: false,
  },
  // Markers are gone since RFC 7143, but initiators of RFC 3720 still ask and take No for an answer.
  { key: "IFMarker", result: "and", default: false, ours: false, phase: "operational", discovery: true },
  { key: "OFMarker", result: "and", default: false, ours: false, phase: "operational", discovery: true },
  // Section 13.25: these must not be told to be unknown; without markers no interval is acceptable.
  { key: "IFMarkInt", result: "first", ours: [], default: "", phase: "operational", discovery: true },
  { key: "OFMarkInt", result: "first", ours: [], default: "", phase: "operational", discovery: true },
] as const satisfies readonly KeyRow[];

type Rows = (typeof KEY_ROWS)[number];

type Value<R extends KeyRow> = R extends { result: "minimum" | "maximum" }
  ? number
  : R extends { result: "and" | "or" }
    ? boolean
    : R extends { result: "first" }
      ? R["ours"][number]
      : R extends { range: readonly [number, number] }
        ? number
        : string | undefined;

/** The outcome of a negotiation; every key has its default until it is negotiated. */
export type Parameters = { -readonly [R in Rows as R["key"]]: Value<R> };

export function defaultParameters(): Parameters {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type is made of the same rows
  return Object.fromEntries(KEY_ROWS.map((row) => [row.key, row.default])) as Parameters;
}
