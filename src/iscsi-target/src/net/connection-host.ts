/** What a connection stands on: its socket, and what it has in common with the server's other ones. */
import type { TargetDirectory } from "../directory.ts";
import type { IscsiEvent } from "../events.ts";
import type { ServerLimits } from "../limits.ts";
import type { SharedOutput, Writable } from "./output.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { SharedInput } from "./shared-input.ts";

/** The part of Bun's socket that is used here. */
export interface TcpSocket extends Writable {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  pause(): void;
  resume(): void;
  end(): void;
  terminate(): void;
}

/** What all connections of a server have in common. */
export interface ConnectionHost {
  readonly directory: TargetDirectory;
  readonly limits: ServerLimits;
  readonly registry: SessionRegistry;
  readonly input: SharedInput;
  readonly output: SharedOutput;
  readonly onEvent: (event: IscsiEvent) => void;
  readonly portal: (address: string, port: number) => string;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly now: () => number;
}
