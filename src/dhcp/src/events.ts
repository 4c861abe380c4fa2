import type { DhcpSocketError, RivalServer } from "./errors.ts";
import type { DhcpInterface } from "./interfaces.ts";
import type { Lease } from "./lease.ts";
import { clientMac, type DhcpMessage, messageType } from "./message.ts";
import type { MessageType } from "./message-types.ts";
import { readOption } from "./options.ts";

/** What an event says of the message it is about; `mac` is `aa:bb:cc:dd:ee:ff`. */
export interface MessageSummary {
  /** Undefined for plain BOOTP and types that this package does not know. */
  readonly type: MessageType | undefined;
  readonly mac: string;
  readonly xid: number;
  /** Option 60: what kind of program asks; whatever it says. */
  readonly vendorClass: string | undefined;
}

/** What events say of a message. */
export function summary(message: DhcpMessage): MessageSummary {
  return {
    type: messageType(message),
    mac: clientMac(message),
    xid: message.xid,
    vendorClass: readOption(message.options, "vendorClass"),
  };
}

/** Everything the proxy and the server tell of their work. */
export type DhcpEvent =
  /** An interface is served from now on. */
  | { readonly type: "interface-up"; readonly interface: DhcpInterface }
  /** An interface is gone, or lost its address. */
  | { readonly type: "interface-down"; readonly interface: DhcpInterface }
  /** An interface is there but cannot be served; it is tried again until it can. Told once per cause. */
  | {
      readonly type: "interface-unusable";
      readonly interface: string;
      readonly reason: string;
      readonly error?: DhcpSocketError;
    }
  /** A datagram that is not a DHCP message of a client. */
  | {
      readonly type: "malformed";
      readonly interface: string;
      readonly from: string;
      readonly reason: string;
    }
  /** A sound message that gets no answer. */
  | {
      readonly type: "ignored";
      readonly interface: string;
      readonly message: MessageSummary;
      readonly reason: string;
    }
  /** An answer has been handed to the kernel. */
  | {
      readonly type: "answered";
      readonly interface: string;
      readonly message: MessageSummary;
      readonly reply: MessageType;
      /** The address given, or 0.0.0.0 from the proxy. */
      readonly address: string;
      /** `address:port` that the answer went to. */
      readonly to: string;
    }
  /** The kernel refused an answer. */
  | {
      readonly type: "send-failed";
      readonly interface: string;
      readonly to: string;
      readonly reason: string;
    }
  /** A socket broke, or the caller's own policy threw; the service goes on. */
  | { readonly type: "fault"; readonly interface: string; readonly error: unknown }
  /** Server only: a lease was given, prolonged, given back or declined by its client. */
  | {
      readonly type: "lease";
      readonly interface: string;
      readonly change: "bound" | "renewed" | "released" | "declined";
      readonly lease: Lease;
    }
  /** Server only: an address of the range is used by somebody who has no lease for it. */
  | {
      readonly type: "squatter";
      readonly interface: string;
      readonly address: string;
      readonly mac: string;
    }
  /** Server only: no address is left for a client. */
  | { readonly type: "range-full"; readonly interface: string; readonly message: MessageSummary }
  /** Server only: another DHCP server has turned up after the start. Told once per rival. */
  | { readonly type: "rival"; readonly rival: RivalServer };
