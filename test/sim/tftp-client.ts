/**
 * A TFTP client without sockets and clocks, with the habits of firmware to choose from: no options at all,
 * "Early terminate" behind the OACK, windows, and receivers that complain once or at every unexpected block.
 */
import { decodePacket, encodePacket, type OptionList } from "../../src/tftp/src/codec/packet.ts";

export interface TftpClientOptions {
  readonly path: string;
  readonly mode?: "octet" | "netascii";
  /** Sent as they are, so that nonsense can be asked for. */
  readonly options?: OptionList;
  /** Ends it with ERROR 0 "Early terminate" when the OACK comes: how a Pi asks for a size. */
  readonly abortAfterOack?: boolean;
  /** Without a packet for so long it says its last words again. */
  readonly retryMs?: number;
  /** Without a packet for so long it gives up. */
  readonly giveUpMs?: number;
  /** How often a gap is told (RFC 7440 leaves it open): at its first block, or at every unexpected one. */
  readonly complains?: "once" | "always";
}

export type TftpResult =
  | { readonly how: "done"; readonly bytes: Uint8Array; readonly oack: Readonly<Record<string, string>> }
  | { readonly how: "aborted"; readonly oack: Readonly<Record<string, string>> }
  | { readonly how: "error"; readonly code: number; readonly message: string }
  | { readonly how: "silence" };

/** Packets go to the server's request port until it has answered, then to the port that answered. */
export interface ClientStep {
  readonly packets: readonly Uint8Array[];
  readonly result?: TftpResult;
}

export class TftpClient {
  readonly #options: TftpClientOptions;
  readonly #retryMs: number;
  readonly #giveUpMs: number;
  readonly #blocks: Uint8Array[] = [];
  #oack: Record<string, string> = {};
  #blockBytes = 512;
  #windowBlocks = 1;
  #inWindow = 0;
  #complained = false;
  #lastWords: Uint8Array;
  #saidAt: number;
  #heardAt: number;
  #result: TftpResult | undefined;
  /** DATA packets that arrived, copies and strays included. */
  dataPackets = 0;

  constructor(options: TftpClientOptions, now: number) {
    this.#options = options;
    this.#retryMs = options.retryMs ?? 1000;
    this.#giveUpMs = options.giveUpMs ?? 10_000;
    this.#saidAt = this.#heardAt = now;
    this.#lastWords = encodePacket({
      op: "rrq",
      path: options.path,
      mode: options.mode ?? "octet",
      options: options.options ?? [],
    });
  }

  get deadline(): number {
    return Math.min(this.#saidAt + this.#retryMs, this.#heardAt + this.#giveUpMs);
  }

  get result(): TftpResult | undefined {
    return this.#result;
  }

  start(now: number): ClientStep {
    return this.#say(this.#lastWords, now);
  }

  expire(now: number): ClientStep {
    if (this.#result || now < this.deadline) return { packets: [] };
    if (now - this.#heardAt >= this.#giveUpMs) return this.#end({ how: "silence" });
    return this.#say(this.#lastWords, now);
  }

  receive(bytes: Uint8Array, now: number): ClientStep {
    const packet = decodePacket(bytes);
    this.#heardAt = now;
    if (this.#result) {
      // Dallying (RFC 1350 section 6): the last ACK was lost.
      return packet.op === "data" && this.#result.how === "done"
        ? { packets: [this.#lastWords] }
        : { packets: [] };
    }
    switch (packet.op) {
      case "oack":
        return this.#offered(packet.options, now);
      case "data":
        return this.#data(packet.block, packet.payload, now);
      case "error":
        return this.#end({ how: "error", code: packet.code, message: packet.message });
      case "ack":
      case "rrq":
      case "wrq":
        return { packets: [] };
    }
  }

  #offered(options: OptionList, now: number): ClientStep {
    if (this.#blocks.length > 0) return { packets: [] };
    this.#oack = Object.fromEntries(options);
    this.#blockBytes = Number(this.#oack["blksize"] ?? 512);
    this.#windowBlocks = Number(this.#oack["windowsize"] ?? 1);
    if (!this.#options.abortAfterOack) return this.#say(encodePacket({ op: "ack", block: 0 }), now);
    const goodbye = encodePacket({ op: "error", code: 0, message: "Early terminate" });
    return this.#end({ how: "aborted", oack: this.#oack }, goodbye);
  }

  #data(number: number, payload: Uint8Array, now: number): ClientStep {
    this.dataPackets++;
    if (number !== ((this.#blocks.length + 1) & 0xffff)) return this.#unexpected(number, now);
    this.#complained = false;
    this.#blocks.push(payload.slice());
    if (payload.length < this.#blockBytes) {
      const bytes = new Uint8Array(Buffer.concat(this.#blocks));
      return this.#end({ how: "done", bytes, oack: this.#oack }, this.#ack());
    }
    if (++this.#inWindow < this.#windowBlocks) {
      this.#lastWords = this.#ack();
      this.#saidAt = now;
      return { packets: [] };
    }
    this.#inWindow = 0;
    return this.#say(this.#ack(), now);
  }

  #unexpected(number: number, now: number): ClientStep {
    // RFC 1350 with one block in flight: a copy of an old block is acknowledged as what it is.
    if (this.#windowBlocks === 1) {
      const isOld = ((this.#blocks.length - number) & 0xffff) < 0x8000;
      return isOld ? { packets: [encodePacket({ op: "ack", block: number })] } : { packets: [] };
    }
    if (this.#complained && this.#options.complains !== "always") return { packets: [] };
    this.#complained = true;
    this.#inWindow = 0;
    return this.#say(this.#ack(), now);
  }

  #ack(): Uint8Array {
    return encodePacket({ op: "ack", block: this.#blocks.length & 0xffff });
  }

  #say(words: Uint8Array, now: number): ClientStep {
    this.#lastWords = words;
    this.#saidAt = now;
    return { packets: [words] };
  }

  #end(result: TftpResult, words?: Uint8Array): ClientStep {
    this.#result = result;
    if (words) this.#lastWords = words;
    return { packets: words ? [words] : [], result };
  }
}
