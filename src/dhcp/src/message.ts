/**
 * A BOOTP/DHCP message on the wire (RFC 2131 section 2):
 *
 *    0                   1                   2                   3
 *   +---------------+---------------+---------------+---------------+
 *   |     op (1)    |   htype (1)   |   hlen (1)    |   hops (1)    |   0
 *   +---------------+---------------+---------------+---------------+
 *   |                            xid (4)                            |   4
 *   +-------------------------------+-------------------------------+
 *   |           secs (2)            |           flags (2)           |   8
 *   +-------------------------------+-------------------------------+
 *   |       ciaddr (4)   yiaddr (4)   siaddr (4)   giaddr (4)       |  12
 *   +---------------------------------------------------------------+
 *   |                          chaddr  (16)                         |  28
 *   |                          sname   (64)                         |  44
 *   |                          file    (128)                        | 108
 *   +---------------------------------------------------------------+
 *   |    99 130 83 99 (4)   options: code, length, value ... 255    | 236
 *   +---------------------------------------------------------------+
 */
import { addressNumber, formatAddress, formatMac } from "./address.ts";
import { DhcpDecodeError, DhcpEncodeError } from "./errors.ts";
import { type MessageType, messageTypeName } from "./message-types.ts";
import { decodeOptions, encodeOptions } from "./option-fields.ts";
import { type DhcpOptions, readOption } from "./options.ts";

/** A decoded message. Addresses are dotted quads. */
export interface DhcpMessage {
  readonly op: "request" | "reply";
  /** Hardware type (1: Ethernet). */
  readonly hardwareType: number;
  /** Hardware address, as long as `hlen` says (16 bytes at most). */
  readonly hardwareAddress: Uint8Array;
  readonly hops: number;
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: string;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly giaddr: string;
  /** Server host name, one character a byte; empty when the field holds options. */
  readonly sname: string;
  /** Boot file name, one character a byte; empty when the field holds options. */
  readonly file: string;
  readonly options: DhcpOptions;
}

/** Bit of `flags`: the client cannot receive unicast before it has its address. */
export const BROADCAST_FLAG = 0x8000;

const FIELD = {
  op: 0,
  htype: 1,
  hlen: 2,
  hops: 3,
  xid: 4,
  secs: 8,
  flags: 10,
  ciaddr: 12,
  yiaddr: 16,
  siaddr: 20,
  giaddr: 24,
  chaddr: 28,
  sname: 44,
  file: 108,
  cookie: 236,
  options: 240,
} as const;

const CHADDR_BYTES = 16;
const SNAME_BYTES = 64;
const FILE_BYTES = 128;
const MAGIC_COOKIE = 0x63825363;
const ETHERNET = 1;
const ETHERNET_ADDRESS_BYTES = 6;

/** One Ethernet frame less the IP and UDP headers: no client sends a DHCP message in fragments. */
export const MAX_MESSAGE_BYTES = 1472;
/** What every client must accept (RFC 2131 section 2: 576 with the IP and UDP headers). */
export const DEFAULT_REPLY_BYTES = 548;
/** BOOTP's length: old relays and firmware drop what is shorter. */
const MIN_REPLY_BYTES = 300;

/**
 * Reads a datagram.
 * @throws DhcpDecodeError when it is not one whole, sound message; nothing is guessed or cut.
 */
export function decodeMessage(bytes: Uint8Array): DhcpMessage {
  if (bytes.length < FIELD.options)
    throw new DhcpDecodeError("too-short", `${bytes.length} bytes, ${FIELD.options} is the least`);
  if (bytes.length > MAX_MESSAGE_BYTES)
    throw new DhcpDecodeError("too-long", `${bytes.length} bytes, ${MAX_MESSAGE_BYTES} is the most`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const address = (at: number): string => formatAddress(view.getUint32(at));
  const op = view.getUint8(FIELD.op);
  if (op !== 1 && op !== 2) throw new DhcpDecodeError("bad-op", `op is ${op}`);
  if (view.getUint32(FIELD.cookie) !== MAGIC_COOKIE)
    throw new DhcpDecodeError("bad-cookie", "plain BOOTP, or not BOOTP at all");
  const { options, sname, file } = decodeOptions({
    options: bytes.subarray(FIELD.options),
    file: bytes.subarray(FIELD.file, FIELD.file + FILE_BYTES),
    sname: bytes.subarray(FIELD.sname, FIELD.sname + SNAME_BYTES),
  });
  return {
    op: op === 1 ? "request" : "reply",
    hardwareType: view.getUint8(FIELD.htype),
    hardwareAddress: hardwareAddress(bytes, view),
    hops: view.getUint8(FIELD.hops),
    xid: view.getUint32(FIELD.xid),
    secs: view.getUint16(FIELD.secs),
    flags: view.getUint16(FIELD.flags),
    ciaddr: address(FIELD.ciaddr),
    yiaddr: address(FIELD.yiaddr),
    siaddr: address(FIELD.siaddr),
    giaddr: address(FIELD.giaddr),
    sname,
    file,
    options,
  };
}

function hardwareAddress(bytes: Uint8Array, view: DataView): Uint8Array {
  const length = view.getUint8(FIELD.hlen);
  const type = view.getUint8(FIELD.htype);
  if (length > CHADDR_BYTES || (type === ETHERNET && length !== ETHERNET_ADDRESS_BYTES))
    throw new DhcpDecodeError("bad-hardware-address", `${length} bytes of hardware type ${type}`);
  return bytes.slice(FIELD.chaddr, FIELD.chaddr + length);
}

/**
 * The datagram of a message, 300 bytes at least. Options go out in the map's order; long ones are split (RFC 3396);
 * what does not fit spills into empty `file` and `sname` fields (option 52).
 * @param maxBytes what the receiver can take: its option 57 less 28 for the IP and UDP headers.
 * @throws DhcpEncodeError when a value does not fit.
 */
export function encodeMessage(
  message: DhcpMessage,
  maxBytes: number = DEFAULT_REPLY_BYTES,
): Uint8Array<ArrayBuffer> {
  const file = textField(message.file, FILE_BYTES, "file");
  const sname = textField(message.sname, SNAME_BYTES, "sname");
  if (message.hardwareAddress.length > CHADDR_BYTES)
    throw new DhcpEncodeError(`a hardware address has ${CHADDR_BYTES} bytes at most`);
  const fields = encodeOptions(message.options, { optionsBytes: maxBytes - FIELD.options, file, sname });
  const bytes = new Uint8Array(Math.max(MIN_REPLY_BYTES, FIELD.options + fields.options.length));
  const view = new DataView(bytes.buffer);
  view.setUint8(FIELD.op, message.op === "request" ? 1 : 2);
  view.setUint8(FIELD.htype, message.hardwareType);
  view.setUint8(FIELD.hlen, message.hardwareAddress.length);
  view.setUint8(FIELD.hops, message.hops);
  view.setUint32(FIELD.xid, message.xid);
  view.setUint16(FIELD.secs, message.secs);
  view.setUint16(FIELD.flags, message.flags);
  view.setUint32(FIELD.ciaddr, addressNumber(message.ciaddr));
  view.setUint32(FIELD.yiaddr, addressNumber(message.yiaddr));
  view.setUint32(FIELD.siaddr, addressNumber(message.siaddr));
  view.setUint32(FIELD.giaddr, addressNumber(message.giaddr));
  bytes.set(message.hardwareAddress, FIELD.chaddr);
  bytes.set(fields.sname, FIELD.sname);
  bytes.set(fields.file, FIELD.file);
  view.setUint32(FIELD.cookie, MAGIC_COOKIE);
  bytes.set(fields.options, FIELD.options);
  return bytes;
}

/** One byte a character, padded with zeros. */
function textField(text: string, sizeBytes: number, name: string): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  // The last byte stays zero: clients read the field as a C string.
  if (text.length >= sizeBytes)
    throw new DhcpEncodeError(`${name} holds ${sizeBytes - 1} characters, not ${text.length}`);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0 || code > 0xff) throw new DhcpEncodeError(`${name} holds one-byte characters only`);
    bytes[index] = code;
  }
  return bytes;
}

/** What kind of message it is, or undefined for plain BOOTP and types this package does not know. */
export function messageType(message: DhcpMessage): MessageType | undefined {
  const value = readOption(message.options, "messageType");
  return value === undefined ? undefined : messageTypeName(value);
}

/** The client's hardware address as `aa:bb:cc:dd:ee:ff`. */
export function clientMac(message: DhcpMessage): string {
  return formatMac(message.hardwareAddress);
}
