import type { SessionEnd } from "./directory.ts";
import type { LoginStatus } from "./login/status.ts";

/** A normal session as seen from outside; `bytesRead` are bytes that the initiator has read. */
export interface SessionInfo {
  readonly id: number;
  readonly targetName: string;
  readonly initiatorName: string;
  readonly isid: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly since: Date;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** What the server tells its owner. Discovery sessions are not reported. */
export type IscsiEvent =
  | { readonly kind: "login"; readonly session: SessionInfo }
  | {
      readonly kind: "login-failed";
      readonly remoteAddress: string;
      readonly targetName: string | undefined;
      readonly initiatorName: string | undefined;
      readonly status: LoginStatus;
      /** One plain sentence for a person. */
      readonly reason: string;
    }
  | { readonly kind: "logout"; readonly session: SessionInfo }
  | {
      readonly kind: "drop";
      readonly session: SessionInfo;
      readonly end: Exclude<SessionEnd, "logout">;
      /** One plain sentence for a person. */
      readonly reason: string;
    };
