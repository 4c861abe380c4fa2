import type { TargetDirectory } from "./directory.ts";
import type { IscsiEvent, SessionInfo } from "./events.ts";
import type { ServerLimits } from "./limits.ts";

export interface IscsiServerOptions {
  readonly directory: TargetDirectory;
  /** Address to listen on; "0.0.0.0" for all of IPv4. */
  readonly hostname: string;
  /** 3260 is the registered port; 0 takes any. */
  readonly port: number;
  readonly onEvent?: (event: IscsiEvent) => void;
  /**
   * The portal told to initiators by SendTargets, as `host:port`. By default the address that the
   * initiator itself reached, which is the one it can reach again.
   */
  readonly portalAddress?: (local: { readonly address: string; readonly port: number }) => string;
  readonly limits?: Partial<ServerLimits>;
}

export interface IscsiServer {
  readonly address: string;
  readonly port: number;
  /** The normal sessions at this moment, oldest first. */
  sessions(): readonly SessionInfo[];
  /** Ends every session of a target, in-flight commands first; resolves with their number once `closed` has run for each. */
  disconnect(targetName: string): Promise<number>;
  /** Takes no more connections, finishes the commands in flight, ends every session and resolves when all units are closed. */
  stop(): Promise<void>;
}

/** Listens; throws the system's error (EADDRINUSE, EACCES, ...) when that is not possible. */
export function createIscsiServer(_options: IscsiServerOptions): Promise<IscsiServer> {
  return Promise.reject(new Error("the iSCSI server is being written"));
}
