/**
 * A BOOTP message with DHCP options (RFC 2131 section 2, RFC 2132), as small as a boot ROM's. Written apart from the
 * server's codec on purpose: a mistake that both shared would show in no test.
 *
 *   op htype hlen hops | xid 4 | secs 2 flags 2 | ciaddr yiaddr siaddr giaddr | chaddr 16 | sname 64 | file 128 |
 *   magic 63 82 53 63 | options ... 255
 */
import { addressText, macBytes, macText } from "../net/frames.ts";

export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;

const OPTIONS_AT = 240;
const MAGIC = [0x63, 0x82, 0x53, 0x63] as const;
/** BOOTP relays and old servers drop shorter messages (RFC 1542 section 2.1). */
const MINIMUM_BYTES = 300;
const OPTION_PAD = 0;
const OPTION_END = 255;

export interface DhcpRequest {
  readonly xid: number;
  readonly mac: string;
  readonly options: ReadonlyArray<readonly [code: number, value: Uint8Array]>;
}

export interface DhcpReply {
  readonly xid: number;
  readonly mac: string;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly file: string;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

export function encodeRequest(request: DhcpRequest): Uint8Array {
  const options = request.options.flatMap(([code, value]) => [code, value.length, ...value]);
  const bytes = new Uint8Array(Math.max(MINIMUM_BYTES, OPTIONS_AT + options.length + 1));
  const view = new DataView(bytes.buffer);
  bytes.set([1, 1, 6, 0]);
  view.setUint32(4, request.xid);
  bytes.set(macBytes(request.mac), 28);
  bytes.set(MAGIC, 236);
  bytes.set([...options, OPTION_END], OPTIONS_AT);
  return bytes;
}

/** Reads a reply; undefined when it is not one, or when its options run past its end. */
export function decodeReply(bytes: Uint8Array): DhcpReply | undefined {
  const isReply = bytes.length >= OPTIONS_AT && bytes[0] === 2 && bytes[1] === 1 && bytes[2] === 6;
  if (!isReply || !MAGIC.every((byte, at) => bytes[236 + at] === byte)) return undefined;
  const options = decodeOptions(bytes.subarray(OPTIONS_AT));
  if (!options) return undefined;
  return {
    xid: new DataView(bytes.buffer, bytes.byteOffset).getUint32(4),
    mac: macText(bytes.subarray(28, 34)),
    yiaddr: addressText(bytes.subarray(16, 20)),
    siaddr: addressText(bytes.subarray(20, 24)),
    file: zeroEndedText(bytes.subarray(108, 236)),
    options,
  };
}

/** Splits code-length-value triples, also those inside option 43; undefined when one runs past the end. */
export function decodeOptions(bytes: Uint8Array): Map<number, Uint8Array> | undefined {
  const options = new Map<number, Uint8Array>();
  for (let at = 0; at < bytes.length;) {
    const code = bytes[at] ?? OPTION_END;
    if (code === OPTION_END) return options;
    if (code === OPTION_PAD) {
      at += 1;
      continue;
    }
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) return undefined;
    options.set(code, bytes.slice(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return options;
}

export function zeroEndedText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder("latin1").decode(end < 0 ? bytes : bytes.subarray(0, end));
}
