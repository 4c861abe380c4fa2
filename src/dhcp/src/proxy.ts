/**
 * The proxy's answer, apart from sockets. A proxy gives no addresses: beside the router's OFFER it sends one of its
 * own with yiaddr 0 that tells a PXE client where to boot from (PXE specification 2.1, section 2.2.3).
 *
 *   port 67    DISCOVER          -> OFFER, broadcast, or to the relay that brought it
 *   port 4011  REQUEST, INFORM   -> ACK, to the address and port it came from
 *   port 67    INFORM            -> ACK, to the address that it names, of a client that is told options alone
 *   anything else                -> silence. A REQUEST on port 67 belongs to the server that gives the address.
 */
import { addressNumber, isHostAddress, isUnicast, LIMITED_BROADCAST, NO_ADDRESS } from "./address.ts";
import type { Decide, ProxyDecision } from "./decisions.ts";
import type { DhcpInterface } from "./interfaces.ts";
import { type DhcpMessage, messageType } from "./message.ts";
import { type MessageType, messageTypeValue } from "./message-types.ts";
import { copyOptions, makeOptions, readOption } from "./options.ts";
import { chosenBootItem, pxeOptions } from "./pxe-reply.ts";

/** Where a message came in. */
export interface Arrival {
  readonly interface: DhcpInterface;
  /** Which of the two services it reached. */
  readonly service: "dhcp" | "pxe";
  readonly source: Endpoint;
  /** Where clients listen: 68, unless the proxy stands on a port of its own. */
  readonly clientPort: number;
  /** Where relays listen: 67, unless the proxy stands on a port of its own. */
  readonly relayPort: number;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export type ProxyOutcome =
  | { readonly kind: "ignore"; readonly reason: string }
  | {
      readonly kind: "reply";
      readonly message: DhcpMessage;
      readonly type: MessageType;
      readonly to: Endpoint;
      readonly delayMs: number;
    };

/** RFC 1542 section 4.1.1: a message that has passed more relays than this runs in a circle. */
export const MAX_HOPS = 16;

/** Decides on one decoded message. Pure: the same input gives the same answer. */
export function proxyReply(
  message: DhcpMessage,
  arrival: Arrival,
  decide: Decide<ProxyDecision>,
): ProxyOutcome {
  const unfit = whyUnfit(message);
  if (unfit !== undefined) return ignore(unfit);
  const type = messageType(message);
  const reply = replyTypeFor(type, arrival.service);
  if (reply === undefined)
    return ignore(`the proxy has no part in a ${type ?? "BOOTP request"} on this port`);
  const to = destination(message, arrival);
  if (to === undefined) return ignore("there is no address to answer to");
  const decision = decide(message, arrival.interface);
  if (decision.kind === "ignore") return decision;
  if (decision.kind === "tell" && type !== "INFORM")
    return ignore("it is told options alone, when it asks for them with INFORM");
  if (decision.kind === "answer" && type === "INFORM" && arrival.service === "dhcp")
    return ignore(`the proxy has no part in ${type} of a PXE client on this port`);

  const own = arrival.interface.address;
  const options = makeOptions({ messageType: messageTypeValue(reply), serverIdentifier: own });
  if (decision.kind === "answer") {
    const bootItem = arrival.service === "pxe" ? chosenBootItem(message) : undefined;
    for (const [code, value] of [
      ...makeOptions({ vendorClass: "PXEClient", tftpServerName: own }),
      ...pxeOptions(decision.pxe, message, bootItem),
    ])
      options.set(code, value);
  }
  for (const [code, value] of decision.options ?? []) options.set(code, value);
  // RFC 3046 section 2.2: a relay's own option comes back to it, last.
  copyOptions(message.options, options, ["relayAgentInformation"]);
  return {
    kind: "reply",
    type: reply,
    to,
    delayMs: decision.kind === "answer" ? (decision.delayMs ?? 0) : 0,
    message: {
      op: "reply",
      hardwareType: message.hardwareType,
      hardwareAddress: message.hardwareAddress,
      hops: 0,
      xid: message.xid,
      secs: 0,
      flags: message.flags,
      ciaddr: reply === "ACK" ? message.ciaddr : NO_ADDRESS,
      yiaddr: NO_ADDRESS,
      siaddr: decision.kind === "answer" ? own : NO_ADDRESS,
      giaddr: message.giaddr,
      sname: "",
      file: decision.kind === "answer" ? (decision.pxe.bootFile ?? "") : "",
      options,
    },
  };
}

function ignore(reason: string): ProxyOutcome {
  return { kind: "ignore", reason };
}

/** Why neither the proxy nor the server looks at a message at all. */
export function whyUnfit(message: DhcpMessage): string | undefined {
  if (message.op === "reply") return "it is a reply of a server";
  if (message.hops > MAX_HOPS) return "it has passed too many relays";
  if (message.hardwareAddress.every((byte) => byte === 0)) return "it names no hardware address";
  if ((message.hardwareAddress[0] ?? 0) & 1) return "its hardware address is a group's";
  return undefined;
}

function replyTypeFor(type: MessageType | undefined, service: Arrival["service"]): MessageType | undefined {
  if (service === "dhcp" && type === "DISCOVER") return "OFFER";
  if (service === "dhcp") return type === "INFORM" ? "ACK" : undefined;
  return type === "REQUEST" || type === "INFORM" ? "ACK" : undefined;
}

function destination(message: DhcpMessage, arrival: Arrival): Endpoint | undefined {
  if (arrival.service === "pxe")
    return isUnicast(arrival.source.address) && arrival.source.port !== 0 ? arrival.source : undefined;
  // RFC 2131 section 4.3.5: whoever asks with INFORM has an address, and is answered there.
  if (messageType(message) === "INFORM")
    return isUnicast(message.ciaddr) ? { address: message.ciaddr, port: arrival.clientPort } : undefined;
  if (message.giaddr === NO_ADDRESS) return { address: LIMITED_BROADCAST, port: arrival.clientPort };
  if (!isHostAddress(message.giaddr)) return undefined;
  // RFC 2131 section 4.1. An answer to ourselves would come back in.
  if (addressNumber(message.giaddr) === addressNumber(arrival.interface.address)) return undefined;
  return { address: message.giaddr, port: arrival.relayPort };
}

/** The size of reply that a client takes: option 57 counts the IP and UDP headers, and may not go below 576. */
export function replyBytes(message: DhcpMessage): number {
  const asked = readOption(message.options, "maxMessageBytes") ?? MIN_MAX_MESSAGE_BYTES;
  return Math.min(Math.max(asked, MIN_MAX_MESSAGE_BYTES), ETHERNET_MTU_BYTES) - IP_AND_UDP_BYTES;
}

const MIN_MAX_MESSAGE_BYTES = 576;
const ETHERNET_MTU_BYTES = 1500;
const IP_AND_UDP_BYTES = 28;
