import type { DhcpInterface } from "./interfaces.ts";
import type { DhcpMessage } from "./message.ts";
import type { DhcpOptions } from "./options.ts";
import type { PxeMenu } from "./pxe-menu.ts";

/** What a PXE client is told beside its lease. The server's own address goes in as siaddr, options 54 and 66. */
export interface PxeAnswer {
  /** Option 43. */
  readonly menu: PxeMenu;
  /** Option 67 and the `file` field; nothing when absent. */
  readonly bootFile?: string;
}

export interface Ignore {
  readonly kind: "ignore";
  /** For a person's eyes, in the event. */
  readonly reason: string;
}

export type ProxyDecision =
  | {
      readonly kind: "answer";
      readonly pxe: PxeAnswer;
      /** Added to the reply as they are; they win over what the proxy would send. */
      readonly options?: DhcpOptions;
      /** Holds the reply back; 0 when absent, at most `MAX_REPLY_DELAY_MS`. */
      readonly delayMs?: number;
    }
  /**
   * For a client that has its address and asks for options alone: they go into the ACK of an INFORM. Never into an
   * OFFER, which a client might take in place of one with an address.
   */
  | { readonly kind: "tell"; readonly options: DhcpOptions }
  | Ignore;

export type ServerDecision =
  | {
      readonly kind: "serve";
      /** Added to OFFER and ACK as they are (17 and 224, for example); they win over what the server would send. */
      readonly options?: DhcpOptions;
      /** For a client that boots from the network: 43, 60, 66, 97 and siaddr go into OFFER and ACK. */
      readonly pxe?: PxeAnswer;
      readonly delayMs?: number;
    }
  | Ignore;

/** The policy seam: called once per sound message of a client; must not throw and must not wait. */
export type Decide<Decision> = (message: DhcpMessage, iface: DhcpInterface) => Decision;
