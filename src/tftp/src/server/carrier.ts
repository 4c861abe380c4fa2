/** Carries one transfer: its socket on a port of its own, connected to the client, and its timer. */
import type { Endpoint } from "../api.ts";
import type { TftpError } from "../codec/error-code.ts";
import type { Ending, Step, Transfer } from "../transfer/transfer.ts";
import { sendConfirming } from "./neighbour.ts";
import { socketError } from "./socket-error.ts";

/**
 * A timer that runs so late tells more about our own process than about the client: its answer may wait in the
 * socket already.
 */
const LATE_MS = 5;

/** The kernel asks again at the soonest five seconds after it has begun to doubt (delay_first_probe_time). */
const CONFIRM_INTERVAL_MS = 500;

export interface CarrierOptions {
  readonly transfer: Transfer;
  readonly client: Endpoint;
  readonly localAddress: string;
  /** After each packet of the client that did not end the transfer. */
  readonly onHeard: () => void;
  /** Once; the socket and the timer are gone then. */
  readonly onEnd: (ending: Ending) => void;
}

export class Carrier {
  readonly #options: CarrierOptions;
  readonly #socket: Bun.udp.ConnectedSocket<"buffer">;
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #confirmedAt = performance.now();
  #ended = false;

  /** Opens the socket and sends the first packets. Rejects with the system's error when there is no socket. */
  static async start(options: CarrierOptions): Promise<Carrier> {
    const { client, localAddress } = options;
    // The first packet leaves behind the constructor, so no answer can come before it.
    let carrier: Carrier | undefined;
    const socket = await Bun.udpSocket({
      hostname: localAddress,
      connect: { hostname: client.address, port: client.port },
      socket: {
        data: (_socket, bytes) => carrier && carrier.#heard(bytes),
        error: (...given: unknown[]) => carrier && carrier.#failed(socketError(given)),
      },
    });
    carrier = new Carrier(options, socket);
    carrier.#follow(options.transfer.start(performance.now()));
    return carrier;
  }

  private constructor(options: CarrierOptions, socket: Bun.udp.ConnectedSocket<"buffer">) {
    this.#options = options;
    this.#socket = socket;
  }

  /** Ends the transfer with an ERROR for the client. */
  stop(error: TftpError): void {
    if (!this.#ended) this.#follow(this.#options.transfer.stop(error));
  }

  /** Ends it without a word to the client, which talks to a newer transfer; `onEnd` is not called. */
  abandon(): void {
    this.#close();
  }

  #heard(bytes: Uint8Array): void {
    if (this.#ended) return;
    const now = performance.now();
    this.#follow(this.#confirmed(this.#options.transfer.receive(bytes, now), now));
    if (!this.#ended) this.#options.onHeard();
  }

  /** Now and then, an answer to what was heard also tells the kernel that the client is there. */
  #confirmed(step: Step, now: number): Step {
    const [first] = step.packets;
    if (!first || now - this.#confirmedAt < CONFIRM_INTERVAL_MS) return step;
    this.#confirmedAt = now;
    const isSent = sendConfirming(descriptorOf(this.#socket), first);
    return isSent ? { ...step, packets: step.packets.slice(1) } : step;
  }

  #failed({ code, message }: ReturnType<typeof socketError>): void {
    if (this.#ended) return;
    // Errors overtake packets: the client's last acknowledgement may wait in the socket.
    if (code === "ECONNREFUSED") setImmediate(() => this.#clientGone());
    // A fault of our own must not leave a transfer behind that nobody drives.
    else if (code === undefined) this.#end({ how: "error", by: "server", code: 0, message });
    // Other errors pass: a Pi that does not answer ARP for a while makes its host "unreachable".
  }

  #clientGone(): void {
    if (!this.#ended) this.#follow(this.#options.transfer.unreachable());
  }

  #follow(step: Step): void {
    this.#send(step.packets);
    if (step.ending) {
      this.#end(step.ending);
      return;
    }
    const { deadline } = this.#options.transfer;
    // A timer that is early finds out by itself. So an ACK costs no timer.
    if (deadline < this.#timerAt) this.#setTimer(deadline);
  }

  #send(packets: readonly Uint8Array[]): void {
    try {
      // What the kernel has no room for, or refuses while the network is away, counts as lost on the way.
      if (packets.length > 0) this.#socket.sendMany(packets);
    } catch (error) {
      this.#failed(socketError([error]));
    }
  }

  #setTimer(at: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#timeUp(), Math.max(0, at - performance.now()));
  }

  #timeUp(): void {
    this.#timerAt = Infinity;
    const { transfer } = this.#options;
    const now = performance.now();
    if (now < transfer.deadline) this.#setTimer(transfer.deadline);
    else if (now - transfer.deadline < LATE_MS) this.#follow(transfer.expire(now));
    else setImmediate(() => this.#expireAfterReading());
  }

  #expireAfterReading(): void {
    if (!this.#ended) this.#follow(this.#options.transfer.expire(performance.now()));
  }

  #end(ending: Ending): void {
    this.#close();
    this.#options.onEnd(ending);
  }

  #close(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#socket.close();
  }
}

/** The descriptor, which Bun's types leave out; -1, which nothing can be sent on, where there is none. */
function descriptorOf(socket: object): number {
  return "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
}
