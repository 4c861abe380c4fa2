/**
 * UDP in IPv4, for packet sockets (RFC 791 section 3.1, RFC 768):
 *
 *   +----+----+--------+-----------------+
 *   | 4  |ihl |  tos   |  total length   |  0
 *   |  identification  | flags, fragment |  4
 *   |   ttl   | proto  | header checksum |  8
 *   |   source (4)         target (4)    | 12, options up to ihl x 4
 *   +------------------+-----------------+
 *   | source port (2)  | target port (2) |
 *   | length (2)       | checksum (2)    |
 *   +------------------+-----------------+
 */
import { addressNumber, formatAddress } from "./address.ts";

const IP_HEADER_BYTES = 20;
const UDP_HEADER_BYTES = 8;
const PROTOCOL_UDP = 17;
const TTL = 64;
const FRAGMENT_MASK = 0x3fff;

export interface UdpPacket {
  readonly source: { readonly address: string; readonly port: number };
  readonly target: { readonly address: string; readonly port: number };
  readonly payload: Uint8Array;
}

/** The UDP checksum is left out (0), as RFC 768 allows. */
export function encodeUdpPacket({ source, target, payload }: UdpPacket): Uint8Array {
  const bytes = new Uint8Array(IP_HEADER_BYTES + UDP_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, (4 << 4) | (IP_HEADER_BYTES / 4));
  view.setUint16(2, bytes.length);
  view.setUint8(8, TTL);
  view.setUint8(9, PROTOCOL_UDP);
  view.setUint32(12, addressNumber(source.address));
  view.setUint32(16, addressNumber(target.address));
  view.setUint16(10, headerChecksum(view));
  view.setUint16(IP_HEADER_BYTES, source.port);
  view.setUint16(IP_HEADER_BYTES + 2, target.port);
  view.setUint16(IP_HEADER_BYTES + 4, UDP_HEADER_BYTES + payload.length);
  bytes.set(payload, IP_HEADER_BYTES + UDP_HEADER_BYTES);
  return bytes;
}

/** The datagram in a packet, or undefined when it is not a whole unfragmented one. Checksums are the card's work. */
export function decodeUdpPacket(bytes: Uint8Array): UdpPacket | undefined {
  if (bytes.length < IP_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = (view.getUint8(0) & 0x0f) * 4;
  const total = view.getUint16(2);
  if (view.getUint8(0) >>> 4 !== 4 || header < IP_HEADER_BYTES || view.getUint8(9) !== PROTOCOL_UDP)
    return undefined;
  if (total > bytes.length || total < header + UDP_HEADER_BYTES) return undefined;
  if ((view.getUint16(6) & FRAGMENT_MASK) !== 0) return undefined;
  const length = view.getUint16(header + 4);
  if (length < UDP_HEADER_BYTES || header + length > total) return undefined;
  return {
    source: { address: formatAddress(view.getUint32(12)), port: view.getUint16(header) },
    target: { address: formatAddress(view.getUint32(16)), port: view.getUint16(header + 2) },
    payload: bytes.slice(header + UDP_HEADER_BYTES, header + length),
  };
}

/** Ones' complement sum of the header, its own field being 0 (RFC 1071). */
function headerChecksum(view: DataView): number {
  let sum = 0;
  for (let at = 0; at < IP_HEADER_BYTES; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
