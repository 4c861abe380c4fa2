import type { BlockDevice } from "./block-device.ts";
import type { LoginStatus } from "./login/status.ts";
import type { ReservationStore } from "./scsi/reservations/state.ts";

/** Where policy comes in: which targets there are, who may log in to them and which disks they get. */
export interface TargetDirectory {
  /** The target of that name (names are compared in lower case), or undefined: the login is answered "not found". */
  find(targetName: string): Target | undefined;
  /** Target names for SendTargets=All. Without `chapUser` the discovery is anonymous. */
  visible(login: { readonly chapUser?: string }): readonly string[];
  /** Secret of a CHAP user for a discovery session; undefined when there is no such user. */
  chapSecret(user: string): string | undefined;
  /** How this side proves itself to that user in a discovery session (mutual CHAP); without it, it cannot. */
  chapMutual?(user: string): ChapIdentity | undefined;
}

export interface Target {
  /** IQN, lower case. */
  readonly name: string;
  /** "none" lets everyone in; otherwise the initiator must prove the secret by CHAP. */
  readonly auth: "none" | ChapLogin;
  /**
   * Where the target is for now: logins are sent there, before they prove anything here (status "target moved
   * temporarily"). `find` is asked for each login, so it may change from one to the next. IP address or host name.
   */
  readonly redirect?: { readonly address: string; readonly port: number };
  /**
   * Called for each normal session once the initiator has proved who it is, before it is told so;
   * an older session of the same nexus (initiator name, ISID, target) has been closed and its `closed` awaited.
   * Throw (or reject with) `LoginReject` to refuse; any other error is answered "target error, out of resources".
   */
  open(nexus: Nexus): OpenTarget | Promise<OpenTarget>;
}

export interface ChapIdentity {
  readonly user: string;
  readonly secret: string;
}

export interface ChapLogin extends ChapIdentity {
  /**
   * What the target proves itself with to initiators that ask for it (mutual CHAP). The secret must be another one:
   * with the same, an answer could be had from one side and given to the other, so such logins are refused.
   */
  readonly mutual?: ChapIdentity;
}

/** Who logs in to what, from where. */
export interface Nexus {
  readonly targetName: string;
  readonly initiatorName: string;
  /** Six bytes as twelve hex digits; tells the ways of one initiator apart (multipath). */
  readonly isid: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The address of ours that the initiator reached. */
  readonly localAddress: string;
  readonly chapUser?: string;
}

/** What one session holds from its login to its end. */
export interface OpenTarget {
  /** At least one; numbers are unique. An initiator that boots wants LUN 0. */
  readonly units: readonly LogicalUnit[];
  /** Called exactly once, after the last call to any device of this session has returned. */
  closed(reason: SessionEnd): void | Promise<void>;
}

/**
 * Why a session ended: the initiator logged out; the connection broke or broke the rules;
 * the same nexus logged in again; `disconnect` was called; the server stops.
 */
export type SessionEnd = "logout" | "drop" | "reinstated" | "disconnected" | "stopped";

/** A disk as the initiator sees it. Identity must be the same after a restart: hosts recognise disks by it. */
export interface LogicalUnit {
  /** 0 to 255. */
  readonly lun: number;
  readonly device: BlockDevice;
  readonly blockSizeBytes: 512 | 4096;
  /**
   * The physical block of READ CAPACITY(16), by default the logical one: a block is written alone and whole here.
   * Hosts learn from the optimal transfer and unmap granularity (VPD B0h) to align to 4096 bytes all the same.
   */
  readonly physicalBlockSizeBytes?: 512 | 4096;
  /** World wide name: 16 hex digits beginning with 2, 3 or 5, or 32 beginning with 6 (SPC-4 7.8.6.6). */
  readonly naa: string;
  /** Printable ASCII, at most 64 characters. */
  readonly serialNumber: string;
  /** Printable ASCII; at most 8, 16 and 4 characters. */
  readonly vendor?: string;
  readonly product?: string;
  readonly revision?: string;
  /** Writes are refused, as with a device that is read-only itself. */
  readonly readOnly?: boolean;
  /** A disk whose medium can be ejected and loaded again. Nothing happens to the device then. */
  readonly removable?: boolean;
  /** Keeps persistent reservations over restarts. Without it they last as long as the server, and it says so. */
  readonly reservations?: ReservationStore;
}

/** Refuses a login with a status of RFC 7143 11.13.5. Thrown by `Target.open` for reasons of policy. */
export class LoginReject extends Error {
  override readonly name = "LoginReject";
  readonly status: LoginStatus;

  constructor(status: LoginStatus, message: string) {
    super(message);
    this.status = status;
  }
}
