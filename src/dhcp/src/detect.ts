/** Is there a DHCP server already? Asked as a client would ask, without taking a lease. */
import { LIMITED_BROADCAST, formatMac, NO_ADDRESS } from "./address.ts";
import { DhcpDecodeError, DhcpSocketError, type RivalServer } from "./errors.ts";
import { listInterfaces } from "./interface-watch.ts";
import { BROADCAST_FLAG, decodeMessage, type DhcpMessage, encodeMessage, messageType } from "./message.ts";
import { messageTypeValue } from "./message-types.ts";
import { makeOptions, readOption } from "./options.ts";
import { ETHERTYPE, type FilterInstruction, openPacketSocket } from "./packet-socket.ts";
import { decodeUdpPacket, encodeUdpPacket } from "./udp-packet.ts";

export interface DetectOptions {
  readonly interface: string;
  /** How long to wait for the first answer; 4000 when absent. */
  readonly timeoutMs?: number | undefined;
  /** Ask as a PXE client does and report proxies too, which offer no address; false when absent. */
  readonly pxe?: boolean | undefined;
  /** Ends the wait; what has answered until then is given. */
  readonly signal?: AbortSignal | undefined;
}

/** dnsmasq pings an address for up to 3 s before it offers it. */
const DETECT_TIMEOUT_MS = 4000;
/** The question is put again after this share of the time: the first may be lost on a link that has just come up. */
const SECOND_ASK = 0.4;
/** After the first offer the others follow at once. */
const SETTLE_MS = 200;
/** A proxy may hold its offer back so that the server's comes first. */
const PXE_SETTLE_MS = 1500;
/** As a PC with a BIOS says it, to which PXE servers answer first of all (RFC 4578 section 2.1). */
const PXE_CLIENT = "PXEClient:Arch:00000:UNDI:002001";
const SERVER_PORT = 67;
const CLIENT_PORT = 68;

/** Unfragmented UDP to port 68, as a BPF program over the IP header. */
const TO_CLIENT_PORT = [
  [0x30, 0, 0, 9], // load the protocol byte
  [0x15, 0, 6, 17], // not UDP: refuse
  [0x28, 0, 0, 6], // load flags and fragment offset
  [0x45, 4, 0, 0x1fff], // a later fragment: refuse
  [0xb1, 0, 0, 0], // x = length of the IP header
  [0x48, 0, 0, 2], // load the target port
  [0x15, 0, 1, CLIENT_PORT],
  [0x06, 0, 0, 0xffff], // take it whole
  [0x06, 0, 0, 0], // refuse
] as const satisfies readonly FilterInstruction[];

/**
 * The DHCP servers that offer an address on an interface (with `pxe`, also those that offer a boot file alone); empty
 * when none answers in time.
 * Servers on this same computer are not seen: the question goes out on the wire only.
 * @throws DhcpSocketError `EPERM` without root or CAP_NET_RAW, `ENODEV` when there is no such interface.
 */
export async function detectDhcpServers(options: DetectOptions): Promise<RivalServer[]> {
  const name = options.interface;
  const iface = listInterfaces({ names: [name] }).get(name);
  if (iface === undefined)
    throw new DhcpSocketError(
      "ENODEV",
      { interface: name },
      "it is not there, not up, or has no IPv4 address",
    );
  const timeoutMs = options.timeoutMs ?? DETECT_TIMEOUT_MS;
  const xid = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  const question = encodeUdpPacket({
    source: { address: NO_ADDRESS, port: CLIENT_PORT },
    target: { address: LIMITED_BROADCAST, port: SERVER_PORT },
    payload: encodeMessage(discover(xid, iface.mac, options.pxe ?? false)),
  });

  const found = new Map<string, RivalServer>();
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  const timers = [setTimeout(resolve, timeoutMs)];
  const socket = openPacketSocket({
    interface: name,
    ethertype: ETHERTYPE.ip,
    filter: TO_CLIENT_PORT,
    onPacket: (packet, sourceMac) => {
      const server = offeredBy(packet, xid);
      if (server === undefined || !(server.givesAddresses || options.pxe)) return;
      if (found.size === 0) timers.push(setTimeout(resolve, options.pxe ? PXE_SETTLE_MS : SETTLE_MS));
      found.set(server.address, { interface: name, mac: formatMac(sourceMac), ...server });
    },
  });
  const ask = (): void => {
    try {
      socket.broadcast(question);
    } catch (error) {
      reject(error);
    }
  };
  const stop = (): void => resolve();
  options.signal?.addEventListener("abort", stop);
  if (options.signal?.aborted) resolve();
  try {
    ask();
    timers.push(setTimeout(ask, timeoutMs * SECOND_ASK));
    await done;
  } finally {
    options.signal?.removeEventListener("abort", stop);
    for (const timer of timers) clearTimeout(timer);
    socket.close();
  }
  return [...found.values()];
}

function discover(xid: number, mac: string, pxe: boolean): DhcpMessage {
  return {
    op: "request",
    hardwareType: 1,
    // Our own address: a server that knows us offers what we have, and no address of its range is spent.
    hardwareAddress: Uint8Array.fromHex(mac.replaceAll(":", "")),
    hops: 0,
    xid,
    secs: 0,
    flags: BROADCAST_FLAG,
    ciaddr: NO_ADDRESS,
    yiaddr: NO_ADDRESS,
    siaddr: NO_ADDRESS,
    giaddr: NO_ADDRESS,
    sname: "",
    file: "",
    options: makeOptions({
      messageType: messageTypeValue("DISCOVER"),
      parameterRequestList: pxe ? Uint8Array.of(1, 3, 6, 43, 60, 66, 67) : Uint8Array.of(1, 3, 6),
      ...(pxe && { vendorClass: PXE_CLIENT, clientArchitectures: [0] }),
    }),
  };
}

/** Who offers what in answer to our question. */
function offeredBy(
  packet: Uint8Array,
  xid: number,
): Pick<RivalServer, "address" | "givesAddresses" | "givesBoot"> | undefined {
  const datagram = decodeUdpPacket(packet);
  if (datagram === undefined || datagram.target.port !== CLIENT_PORT) return undefined;
  try {
    const message = decodeMessage(datagram.payload);
    if (message.op !== "reply" || message.xid !== xid || messageType(message) !== "OFFER") return undefined;
    const bootFile = message.file !== "" || readOption(message.options, "bootFileName") !== undefined;
    return {
      address: readOption(message.options, "serverIdentifier") ?? datagram.source.address,
      givesAddresses: message.yiaddr !== NO_ADDRESS,
      givesBoot: bootFile || readOption(message.options, "vendorClass") === "PXEClient",
    };
  } catch (error) {
    // Whatever else comes to port 68 is no offer to us.
    if (error instanceof DhcpDecodeError) return undefined;
    throw error;
  }
}
