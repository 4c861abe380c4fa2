/**
 * The frames a boot firmware knows: Ethernet II with ARP (RFC 826) or IPv4 (RFC 791) with UDP (RFC 768).
 *
 *   | to 6 | from 6 | type 2 | ARP 28 bytes, or IPv4 header 20 + UDP header 8 + payload |
 *
 * No IP options and no fragments: the firmware has neither.
 */

export const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff";
export const BROADCAST_ADDRESS = "255.255.255.255";

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const ETHERNET_HEADER_BYTES = 14;
const IPV4_HEADER_BYTES = 20;
const UDP_HEADER_BYTES = 8;
const PROTOCOL_UDP = 17;
/** Shorter frames are padded by the network card (IEEE 802.3, without the checksum). */
const MINIMUM_FRAME_BYTES = 60;

export interface UdpFrame {
  readonly kind: "udp";
  readonly fromMac: string;
  readonly toMac: string;
  readonly fromAddress: string;
  readonly toAddress: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly payload: Uint8Array;
}

export interface ArpFrame {
  readonly kind: "arp";
  readonly operation: "request" | "reply";
  readonly senderMac: string;
  readonly senderAddress: string;
  readonly targetMac: string;
  readonly targetAddress: string;
}

export function encodeFrame(frame: UdpFrame | ArpFrame): Uint8Array {
  return frame.kind === "udp" ? encodeUdp(frame) : encodeArp(frame);
}

/** Reads a frame; undefined for everything that a boot firmware does not listen to, damaged checksums included. */
export function decodeFrame(bytes: Uint8Array): UdpFrame | ArpFrame | undefined {
  if (bytes.length < ETHERNET_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const body = bytes.subarray(ETHERNET_HEADER_BYTES);
  const type = view.getUint16(12);
  if (type === ETHERTYPE_ARP) return decodeArp(body);
  if (type === ETHERTYPE_IPV4) return decodeUdp(bytes, body);
  return undefined;
}

function encodeUdp(frame: UdpFrame): Uint8Array {
  const udpBytes = UDP_HEADER_BYTES + frame.payload.length;
  const total = ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + udpBytes;
  const bytes = new Uint8Array(Math.max(total, MINIMUM_FRAME_BYTES));
  const view = new DataView(bytes.buffer);
  bytes.set(macBytes(frame.toMac), 0);
  bytes.set(macBytes(frame.fromMac), 6);
  view.setUint16(12, ETHERTYPE_IPV4);

  const ip = bytes.subarray(ETHERNET_HEADER_BYTES, ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES);
  const ipView = new DataView(bytes.buffer, ETHERNET_HEADER_BYTES, IPV4_HEADER_BYTES);
  ip[0] = 0x45;
  ipView.setUint16(2, IPV4_HEADER_BYTES + udpBytes);
  ip[8] = 64;
  ip[9] = PROTOCOL_UDP;
  ip.set(addressBytes(frame.fromAddress), 12);
  ip.set(addressBytes(frame.toAddress), 16);
  ipView.setUint16(10, checksum([ip]));

  const udpAt = ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES;
  const udp = bytes.subarray(udpAt, udpAt + udpBytes);
  const udpView = new DataView(bytes.buffer, udpAt, udpBytes);
  udpView.setUint16(0, frame.fromPort);
  udpView.setUint16(2, frame.toPort);
  udpView.setUint16(4, udpBytes);
  udp.set(frame.payload, UDP_HEADER_BYTES);
  udpView.setUint16(6, checksum([pseudoHeader(ip, udpBytes), udp]) || 0xffff);
  return bytes;
}

function decodeUdp(frame: Uint8Array, ip: Uint8Array): UdpFrame | undefined {
  if (ip.length < IPV4_HEADER_BYTES || ip[0] !== 0x45 || ip[9] !== PROTOCOL_UDP) return undefined;
  const ipView = new DataView(ip.buffer, ip.byteOffset, ip.byteLength);
  const total = ipView.getUint16(2);
  const fragmented = (ipView.getUint16(6) & 0x3fff) !== 0;
  if (fragmented || total > ip.length || total < IPV4_HEADER_BYTES + UDP_HEADER_BYTES) return undefined;
  const header = ip.subarray(0, IPV4_HEADER_BYTES);
  if (checksum([header]) !== 0) return undefined;
  const udp = ip.subarray(IPV4_HEADER_BYTES, total);
  const udpView = new DataView(udp.buffer, udp.byteOffset, udp.byteLength);
  const udpBytes = udpView.getUint16(4);
  if (udpBytes < UDP_HEADER_BYTES || udpBytes > udp.length) return undefined;
  const datagram = udp.subarray(0, udpBytes);
  const isChecked = udpView.getUint16(6) !== 0;
  if (isChecked && checksum([pseudoHeader(header, udpBytes), datagram]) !== 0) return undefined;
  return {
    kind: "udp",
    toMac: macText(frame.subarray(0, 6)),
    fromMac: macText(frame.subarray(6, 12)),
    fromAddress: addressText(ip.subarray(12, 16)),
    toAddress: addressText(ip.subarray(16, 20)),
    fromPort: udpView.getUint16(0),
    toPort: udpView.getUint16(2),
    payload: datagram.slice(UDP_HEADER_BYTES),
  };
}

function encodeArp(frame: ArpFrame): Uint8Array {
  const bytes = new Uint8Array(MINIMUM_FRAME_BYTES);
  const view = new DataView(bytes.buffer);
  const isRequest = frame.operation === "request";
  bytes.set(macBytes(isRequest ? BROADCAST_MAC : frame.targetMac), 0);
  bytes.set(macBytes(frame.senderMac), 6);
  view.setUint16(12, ETHERTYPE_ARP);
  bytes.set([0, 1, 8, 0, 6, 4, 0, isRequest ? 1 : 2], 14);
  bytes.set(macBytes(frame.senderMac), 22);
  bytes.set(addressBytes(frame.senderAddress), 28);
  bytes.set(macBytes(frame.targetMac), 32);
  bytes.set(addressBytes(frame.targetAddress), 38);
  return bytes;
}

function decodeArp(body: Uint8Array): ArpFrame | undefined {
  const isIpv4OverEthernet =
    body.length >= 28 && body[1] === 1 && body[2] === 8 && body[4] === 6 && body[5] === 4;
  const operation = body[7] === 1 ? "request" : body[7] === 2 ? "reply" : undefined;
  if (!isIpv4OverEthernet || !operation) return undefined;
  return {
    kind: "arp",
    operation,
    senderMac: macText(body.subarray(8, 14)),
    senderAddress: addressText(body.subarray(14, 18)),
    targetMac: macText(body.subarray(18, 24)),
    targetAddress: addressText(body.subarray(24, 28)),
  };
}

/** The IPv4 words that the UDP checksum covers (RFC 768). */
function pseudoHeader(ip: Uint8Array, udpBytes: number): Uint8Array {
  const header = new Uint8Array(12);
  header.set(ip.subarray(12, 20), 0);
  header[9] = PROTOCOL_UDP;
  header[10] = udpBytes >> 8;
  header[11] = udpBytes & 0xff;
  return header;
}

/** The Internet checksum (RFC 1071) over the parts, each but the last of even length; 0 over data that holds its own. */
function checksum(parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += 2) sum += ((part[at] ?? 0) << 8) | (part[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":"), (part) => Number.parseInt(part, 16));
}

export function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

export function addressBytes(address: string): Uint8Array {
  return Uint8Array.from(address.split("."), Number);
}

export function addressText(bytes: Uint8Array): string {
  return Array.from(bytes).join(".");
}
