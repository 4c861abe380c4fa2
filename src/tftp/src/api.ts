/** The public words of the package: what a server is given, what it asks and what it tells. */
import type { TftpErrorCode } from "./codec/error-code.ts";

/** One end of a conversation as UDP sees it. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A file whose bytes are produced when they are sent, for what should not be held in memory as a whole. */
export interface TftpSlices {
  readonly sizeBytes: number;
  /**
   * Copies the file's bytes from `offsetBytes` on into the whole of `target`, which never reaches over the end.
   * It runs on the thread of the server: it must come from memory or the page cache. A throw ends the transfer.
   */
  read(offsetBytes: number, target: Uint8Array): void;
}

/** What `open` answers: the content. It must not change while it is being sent. */
export type TftpFile = Uint8Array | TftpSlices;

/** A read request that passed the checks of form. */
export interface TftpRequest {
  /**
   * The name as the client sent it, slashes and all (a Pi 5 asks `<serial>//config.txt`), after these checks:
   * UTF-8, 1 to 255 bytes, no control character, no `..` between slashes or backslashes.
   */
  readonly path: string;
  readonly client: Endpoint;
  /** The address of ours that the client asked; the answers leave from it. */
  readonly localAddress: string;
  readonly mode: "octet" | "netascii";
}

export interface TftpServerOptions {
  /** The one address to listen on. Without it, or with 0.0.0.0, every IPv4 address of the machine, as they come and go. */
  readonly hostname?: string;
  /** The addresses to listen on now; asked again about every second. Wins over `hostname`. */
  readonly addresses?: () => readonly string[];
  /** 69 by default; 0 means any free port, the same for every address. */
  readonly port?: number;
  /**
   * Finds the content of a name. A `TftpError`, returned or thrown, is told to the client in its own words;
   * anything else that is thrown becomes ERROR 0 without its words, and an `error` event with them.
   */
  open(request: TftpRequest): TftpFile | Error | Promise<TftpFile | Error>;
  /** Must not throw. */
  readonly onEvent?: (event: TftpEvent) => void;
  readonly limits?: Partial<TftpLimits>;
}

export interface TftpLimits {
  /** Transfers at the same time, all clients together. */
  readonly transfers: number;
  /** Transfers at the same time of one client address. */
  readonly transfersPerClient: number;
  /** Largest block that is agreed to (option blksize), in bytes. */
  readonly blockBytes: number;
  /** Most blocks in flight that are agreed to (option windowsize). */
  readonly windowBlocks: number;
}

export interface TftpServer {
  /** The real port of the listeners. */
  readonly port: number;
  /** The addresses listened on now. */
  readonly addresses: readonly string[];
  /** Transfers now, requests that wait for `open` included. */
  readonly transfers: number;
  /** Stops at once: every socket and timer is gone when it returns; clients in a transfer are told by an ERROR. */
  close(): void;
}

/** Common to every event of one request. `id` counts requests from 1. */
interface OfRequest {
  readonly id: number;
  readonly path: string;
  readonly client: Endpoint;
  readonly localAddress: string;
}

/** What happened. Times are milliseconds, sizes bytes of the file as sent (netascii: after its encoding). */
export type TftpEvent =
  /** A read request of good form arrived; `open` is asked next. `options` is as the client wrote them. */
  | (OfRequest & {
      readonly kind: "request";
      readonly mode: "octet" | "netascii";
      readonly options: Readonly<Record<string, string>>;
    })
  /** At most four times a second and transfer. The size is not known for netascii. */
  | (OfRequest & {
      readonly kind: "progress";
      readonly sentBytes: number;
      readonly sizeBytes: number | undefined;
    })
  /**
   * The last block was acknowledged; `confirmed` is false when the client's port closed instead, all blocks
   * having been sent (its last acknowledgement was lost).
   */
  | (OfRequest & {
      readonly kind: "done";
      readonly bytes: number;
      readonly ms: number;
      readonly retransmits: number;
      readonly confirmed: boolean;
    })
  /** The client ended it before it took a block: how firmware asks for a size. Normal, not a failure. */
  | (OfRequest & { readonly kind: "early-terminate"; readonly message: string })
  /** The same client port asked again, and the newer transfer took over. Normal, not a failure. */
  | (OfRequest & { readonly kind: "superseded" })
  /** The transfer or request failed. `by` is who gave up; `code` is the ERROR that was sent or received. */
  | (OfRequest & {
      readonly kind: "error";
      readonly by: "client" | "server" | "silence";
      readonly code: number;
      readonly message: string;
      readonly sentBytes: number;
    })
  /** A packet to the listening port that is no read request we serve: garbage, a write, an unknown mode. */
  | {
      readonly kind: "refused";
      readonly client: Endpoint;
      readonly localAddress: string;
      readonly code: TftpErrorCode;
      readonly message: string;
    }
  /** An address that could not be listened on (it is tried again), or the loss of a listener. */
  | { readonly kind: "listener-error"; readonly address: string; readonly message: string }
  /** The set of addresses listened on changed. */
  | { readonly kind: "listening"; readonly addresses: readonly string[]; readonly port: number };
