import { formatAddress, networkOf, NO_ADDRESS } from "./address.ts";
import type { ServerDecision } from "./decisions.ts";
import type { DhcpInterface } from "./interfaces.ts";
import type { DhcpMessage } from "./message.ts";
import { messageTypeValue } from "./message-types.ts";
import { copyOptions, makeOptions } from "./options.ts";
import { pxeOptions } from "./pxe-reply.ts";

/** Shares of the lease after which a client renews, and asks any server (RFC 2131 section 4.4.5). */
const RENEW_SHARE = 0.5;
const REBIND_SHARE = 0.875;

export interface ServerReplyContext {
  readonly message: DhcpMessage;
  readonly decision: Extract<ServerDecision, { kind: "serve" }>;
  readonly type: "OFFER" | "ACK" | "NAK";
  /** 0.0.0.0 in a NAK and in the answer to an INFORM: then no lease times go out. */
  readonly yiaddr: string;
  readonly interface: DhcpInterface;
  readonly leaseTimeS: number;
}

/** The options of a server's reply (RFC 2131 table 3), the policy's own last so that they win. */
export function serverOptions(context: ServerReplyContext): Map<number, Uint8Array> {
  const { message, decision, type, yiaddr, interface: own, leaseTimeS } = context;
  const options = makeOptions({
    messageType: messageTypeValue(type),
    serverIdentifier: own.address,
    ...(yiaddr === NO_ADDRESS
      ? {}
      : {
          leaseTimeS,
          renewalTimeS: Math.floor(leaseTimeS * RENEW_SHARE),
          rebindingTimeS: Math.floor(leaseTimeS * REBIND_SHARE),
        }),
  });
  if (type !== "NAK") {
    const { last } = networkOf(own.address, own.netmask);
    add(options, makeOptions({ subnetMask: own.netmask, broadcastAddress: formatAddress(last) }));
    if (decision.pxe !== undefined) {
      add(options, makeOptions({ vendorClass: "PXEClient", tftpServerName: own.address }));
      add(options, pxeOptions(decision.pxe, message));
    }
    add(options, decision.options ?? new Map());
  }
  // RFC 6842: the client's identifier comes back in every reply. RFC 3046: the relay's option too, last.
  copyOptions(message.options, options, ["clientIdentifier", "relayAgentInformation"]);
  return options;
}

function add(into: Map<number, Uint8Array>, more: ReadonlyMap<number, Uint8Array>): void {
  for (const [code, value] of more) into.set(code, value);
}
