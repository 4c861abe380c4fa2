/**
 * The sockets on the request port: one for every address of ours. So the address that a client asked is known,
 * and its answers can leave from it (a client takes none from elsewhere), also when two interfaces share a
 * network. Requests to a broadcast address never arrive on such a socket, as RFC 1123 4.2.3.5 wants it.
 */
import { networkInterfaces } from "node:os";
import { ADDRESS_WATCH_MS } from "../limits.ts";
import { codeOf, messageOf, socketError } from "./socket-error.ts";

type Socket = Bun.udp.Socket<"buffer">;

export interface ListenersOptions {
  readonly addresses: () => readonly string[];
  readonly port: number;
  readonly onPacket: (bytes: Uint8Array, client: { address: string; port: number }, local: Local) => void;
  readonly onChange: (addresses: readonly string[]) => void;
  readonly onError: (address: string, message: string) => void;
}

/** Where a packet came in, and the way to answer it without a transfer. */
export interface Local {
  readonly address: string;
  /** Sends from a port of its own, as transfers do: some boot ROMs take no answer from the request port. */
  answer(bytes: Uint8Array, client: { address: string; port: number }): void;
}

interface Listener {
  readonly requests: Socket;
  readonly answers: Socket;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #sockets = new Map<string, Listener>();
  /** Address -> why it could not be listened on at the last attempt. */
  readonly #failures = new Map<string, string>();
  #port: number;
  #watch: Timer | undefined;
  #refreshing = false;
  #closed = false;

  constructor(options: ListenersOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  get port(): number {
    return this.#port;
  }

  get addresses(): readonly string[] {
    return [...this.#sockets.keys()];
  }

  /** Opens the first listeners. Rejects when one cannot be had, but for an address of several that has just gone. */
  async open(): Promise<void> {
    const wanted = new Set(this.#options.addresses());
    for (const address of wanted) {
      try {
        await this.#add(address);
      } catch (error) {
        if (wanted.size > 1 && codeOf(error) === "EADDRNOTAVAIL") {
          this.#failed(address, error);
          continue;
        }
        this.close();
        throw error;
      }
    }
    this.#watch = setInterval(() => void this.#refresh(), ADDRESS_WATCH_MS);
    this.#options.onChange(this.addresses);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#watch);
    for (const address of this.addresses) this.#remove(address);
  }

  /** Follows the addresses. A listener that cannot be had now is tried again the next time. */
  async #refresh(): Promise<void> {
    if (this.#refreshing) return;
    this.#refreshing = true;
    try {
      await this.#follow(new Set(this.#options.addresses()));
    } catch (error) {
      this.#failed("", error);
    } finally {
      this.#refreshing = false;
    }
  }

  async #follow(wanted: ReadonlySet<string>): Promise<void> {
    const before = this.addresses.join();
    for (const address of this.addresses) if (!wanted.has(address)) this.#remove(address);
    for (const address of wanted) {
      if (this.#closed || this.#sockets.has(address)) continue;
      try {
        await this.#add(address);
        this.#failures.delete(address);
      } catch (error) {
        this.#failed(address, error);
      }
    }
    if (!this.#closed && this.addresses.join() !== before) this.#options.onChange(this.addresses);
  }

  /** Tells of a failure once, not at every attempt. */
  #failed(address: string, error: unknown): void {
    const message = messageOf(error);
    if (this.#failures.get(address) === message) return;
    this.#failures.set(address, message);
    this.#options.onError(address, message);
  }

  async #add(address: string): Promise<void> {
    const answers = await Bun.udpSocket({
      hostname: address,
      socket: {
        // A client that has gone answers our ERROR with "port unreachable". That is its business.
        error() {},
      },
    });
    const local: Local = {
      address,
      answer: (bytes, client) => void answers.send(bytes, client.port, client.address),
    };
    const { onPacket, onError } = this.#options;
    try {
      const requests = await Bun.udpSocket({
        hostname: address,
        port: this.#port,
        socket: {
          data: (_socket, bytes, port, from) => onPacket(bytes, { address: from, port }, local),
          error: (...given: unknown[]) => onError(address, socketError(given).message),
        },
      });
      this.#port = requests.port;
      this.#sockets.set(address, { requests, answers });
      if (this.#closed) this.#remove(address);
    } catch (error) {
      answers.close();
      throw error;
    }
  }

  #remove(address: string): void {
    const listener = this.#sockets.get(address);
    listener?.requests.close();
    listener?.answers.close();
    this.#sockets.delete(address);
  }
}

/** Every IPv4 address of the machine: Raspberry Pis and most boot ROMs speak TFTP over nothing else. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family }) => family === "IPv4")
    .map(({ address }) => address);
}
