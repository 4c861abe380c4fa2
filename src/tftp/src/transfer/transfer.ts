/**
 * One file on its way to one client, without sockets and clocks.
 *
 * The OACK counts as block 0, so that one rule serves it and the data: of the blocks that were sent, those from
 * `base` on are not acknowledged yet; `next` is the first that was never sent.
 *
 *      acknowledged        in flight         not sent
 *   ... base-2 base-1 | base ... next-1 | next ...
 *
 * What an ACK means (block numbers wrap at 65536; a window is far smaller, so there is one reading):
 * - of next-1: the window arrived; send the next one.
 * - of a block in between: RFC 7440 section 4, the receiver misses the one behind it. Go back to it at once. But
 *   receivers say the same when a packet comes twice; after we went back in vain, the copies themselves are such
 *   packets, and going back for them would go on for ever. Hence two exceptions, in which we only move on and
 *   leave a loss that may hide there to the clock: an ACK of the last block that we repeated (what the copies
 *   bring forth when nothing was lost), and one that comes sooner than an answer to the repetition can.
 * - of base-1: a duplicate. Nothing is sent, or every block would travel twice from then on (the Sorcerer's
 *   Apprentice: RFC 1123 section 4.2.3.1). It only ends a long wait that the clock has backed off to.
 * - anything else: old or invented. Ignored.
 */
import type { Agreement } from "../codec/option.ts";
import { TftpError } from "../codec/error-code.ts";
import { decodePacket, encodePacket, type Packet } from "../codec/packet.ts";
import { GIVE_UP_MS, GIVE_UP_TIMEOUTS, MAX_GIVE_UP_MS } from "../limits.ts";
import { type Content, UnreadableError } from "./content.ts";
import type { PacketPool } from "./packet-pool.ts";
import { RoundTrip } from "./round-trip.ts";
import { moved, type TransferMove, type TransferState } from "./state.ts";

/** How a transfer ended. */
export type Ending =
  | { readonly how: "done"; readonly confirmed: boolean }
  | { readonly how: "early-terminate"; readonly message: string }
  | {
      readonly how: "error";
      readonly by: "client" | "server" | "silence";
      readonly code: number;
      readonly message: string;
    };

/** What to do now: send these packets (valid until the pool's next use), and after an ending forget the transfer. */
export interface Step {
  readonly packets: readonly Uint8Array[];
  readonly ending?: Ending;
}

const NOTHING: Step = { packets: [] };

export class Transfer {
  readonly #content: Content;
  readonly #agreement: Agreement;
  readonly #pool: PacketPool;
  readonly #roundTrip = new RoundTrip();
  readonly #giveUpMs: number;

  #state: TransferState;
  #base: number;
  #next: number;
  /** The last block that was sent more than once, and when. */
  #resent = -1;
  #resentAt = 0;
  #lastBlock: number | undefined;
  #lastBlockBytes = 0;
  #answered = false;
  /** The block whose ACK measures the round trip, and when it was first sent. */
  #sample: { readonly block: number; readonly at: number } | undefined;
  #sentAt: number;
  #progressAt: number;
  #deadline: number;
  #expiries = 0;
  #retransmits = 0;

  constructor(content: Content, agreement: Agreement, pool: PacketPool, now: number) {
    this.#content = content;
    this.#agreement = agreement;
    this.#pool = pool;
    this.#giveUpMs = Math.min(
      MAX_GIVE_UP_MS,
      Math.max(GIVE_UP_MS, (agreement.timeoutMs ?? 0) * GIVE_UP_TIMEOUTS),
    );
    const offers = agreement.answer.length > 0;
    this.#state = offers ? "offering" : "sending";
    this.#base = this.#next = offers ? 0 : 1;
    this.#sentAt = this.#progressAt = this.#deadline = now;
  }

  /** When `expire` wants to be called; in the clock of `now`. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Whether the client has acknowledged anything: before, it may not know this transfer at all. */
  get answered(): boolean {
    return this.#answered;
  }

  get retransmits(): number {
    return this.#retransmits;
  }

  /** Bytes that the client acknowledged. */
  get sentBytes(): number {
    const blocks = Math.max(0, this.#base - 1);
    return blocks === this.#lastBlock ? this.totalBytes : blocks * this.#agreement.blockBytes;
  }

  /** Bytes of the whole file, once its last block has been sent; before, those that the client acknowledged. */
  get totalBytes(): number {
    const { blockBytes } = this.#agreement;
    if (this.#lastBlock === undefined) return Math.max(0, this.#base - 1) * blockBytes;
    return (this.#lastBlock - 1) * blockBytes + this.#lastBlockBytes;
  }

  /** The first packets. */
  start(now: number): Step {
    return this.#guarded(() => this.#send(this.#next, now));
  }

  /** A packet from the client's port. One that is no answer to ours ends the transfer (RFC 1350 section 7). */
  receive(bytes: Uint8Array, now: number): Step {
    return this.#guarded(() => {
      const packet = decodePacket(bytes);
      switch (packet.op) {
        case "ack":
          return this.#acknowledged(packet.block, now);
        case "error":
          return this.#clientError(packet);
        case "rrq":
        case "wrq":
        case "data":
        case "oack":
          throw new TftpError("illegal-operation", `${packet.op.toUpperCase()} does not belong here`);
      }
    });
  }

  /** To be called at the deadline; before, it does nothing. */
  expire(now: number): Step {
    if (now < this.#deadline) return NOTHING;
    if (now - this.#progressAt >= this.#giveUpMs) {
      const message = `no answer for ${Math.round(this.#giveUpMs / 1000)} s`;
      return this.#fail("silence", new TftpError("not-defined", message));
    }
    this.#roundTrip.backOff();
    this.#expiries++;
    return this.#guarded(() => this.#resend(now));
  }

  /** The client's machine says that nobody listens on the port any more (ICMP port unreachable). */
  unreachable(): Step {
    if (this.#lastBlock !== undefined && this.#next > this.#lastBlock)
      return this.#end("finished", { how: "done", confirmed: false });
    const message = "the client closed its port";
    if (!this.#answered) return this.#end("declined", { how: "early-terminate", message });
    return this.#end("failed", { how: "error", by: "client", code: 0, message });
  }

  /** Ends it from our side, with an ERROR for the client. */
  stop(error: TftpError): Step {
    return this.#fail("server", error);
  }

  #acknowledged(number: number, now: number): Step {
    const acked = this.#next - 1 - ((this.#next - 1 - number) & 0xffff);
    if (acked < this.#base - 1) return NOTHING;
    if (acked === this.#base - 1) return this.#duplicate();

    this.#measure(acked, now);
    this.#base = acked + 1;
    this.#progressAt = now;
    this.#answered = true;
    this.#expiries = 0;
    if (this.#state === "offering") this.#state = moved(this.#state, "agreed");
    if (acked === this.#lastBlock) return this.#end("finished", { how: "done", confirmed: true });
    return this.#base < this.#next && this.#provesLoss(acked, now)
      ? this.#resend(now)
      : this.#send(this.#next, now);
  }

  #measure(acked: number, now: number): void {
    if (!this.#sample || acked < this.#sample.block) return;
    const ms = now - this.#sample.at;
    if (this.#sample.block > this.#resent) this.#roundTrip.answered(ms);
    else this.#roundTrip.answeredRepeated(ms, now - this.#sentAt);
    this.#sample = undefined;
  }

  /** Whether an ACK in the middle of what is in flight says that the block behind it was lost: see above. */
  #provesLoss(acked: number, now: number): boolean {
    if (acked > this.#resent) return true;
    return acked < this.#resent && this.#roundTrip.isPossible(now - this.#resentAt);
  }

  #duplicate(): Step {
    if (this.#expiries > 0)
      this.#deadline = Math.min(this.#deadline, this.#sentAt + this.#roundTrip.measuredMs);
    return NOTHING;
  }

  #clientError(packet: Extract<Packet, { op: "error" }>): Step {
    if (this.#base <= 1) return this.#end("declined", { how: "early-terminate", message: packet.message });
    const { code, message } = packet;
    return this.#end("failed", { how: "error", by: "client", code, message });
  }

  /** Sends what is in flight once more, and what the window has room for behind it. */
  #resend(now: number): Step {
    this.#retransmits += this.#next - this.#base;
    this.#resent = this.#next - 1;
    this.#resentAt = now;
    return this.#send(this.#base, now);
  }

  /** Sends from block `first` to the end of the window. */
  #send(first: number, now: number): Step {
    const packets = this.#packets(first);
    const end = first + packets.length;
    if (end > this.#next && (!this.#sample || first === this.#next))
      this.#sample = { block: end - 1, at: now };
    this.#next = Math.max(this.#next, end);
    this.#sentAt = now;
    this.#deadline = Math.min(now + this.#roundTrip.timeoutMs, this.#progressAt + this.#giveUpMs);
    return { packets };
  }

  #packets(first: number): Uint8Array[] {
    if (this.#state === "offering") return [encodePacket({ op: "oack", options: this.#agreement.answer })];
    const { blockBytes, windowBlocks } = this.#agreement;
    const last = Math.min(this.#base + windowBlocks - 1, this.#lastBlock ?? Infinity);
    const packets = this.#pool.fill(this.#content, blockBytes, first, last);
    const payloadBytes = (packets.at(-1)?.length ?? Infinity) - 4;
    if (payloadBytes < blockBytes) {
      this.#lastBlock = first + packets.length - 1;
      this.#lastBlockBytes = payloadBytes;
    }
    return packets;
  }

  /** A `TftpError` goes to the client in its own words, the fault of a file's reader without them. */
  #guarded(act: () => Step): Step {
    if (this.#state === "ended") throw new Error("the transfer has ended");
    try {
      return act();
    } catch (error) {
      if (error instanceof TftpError) return this.#fail("server", error);
      if (error instanceof UnreadableError)
        return this.#fail("server", new TftpError("not-defined", "the file cannot be read"), error.message);
      throw error;
    }
  }

  #fail(by: "server" | "silence", error: TftpError, message = error.message): Step {
    const packets = [encodePacket({ op: "error", code: error.code, message: error.message })];
    return this.#end("failed", { how: "error", by, code: error.code, message }, packets);
  }

  #end(move: TransferMove, ending: Ending, packets: readonly Uint8Array[] = []): Step {
    this.#state = moved(this.#state, move);
    return { packets, ending };
  }
}
