/** One accepted read request, from `open` to the end of its transfer. */
import type { Endpoint, TftpEvent, TftpFile, TftpLimits, TftpRequest, TftpServerOptions } from "../api.ts";
import { TftpError } from "../codec/error-code.ts";
import { agree } from "../codec/option.ts";
import type { OptionList } from "../codec/packet.ts";
import { PROGRESS_INTERVAL_MS } from "../limits.ts";
import { octetContent } from "../transfer/content.ts";
import { netasciiContent } from "../transfer/netascii.ts";
import type { PacketPool } from "../transfer/packet-pool.ts";
import { type Ending, Transfer } from "../transfer/transfer.ts";
import { Carrier } from "./carrier.ts";
import type { Local } from "./listeners.ts";
import { messageOf } from "./socket-error.ts";

export interface JobOptions {
  readonly id: number;
  readonly request: TftpRequest;
  readonly asked: OptionList;
  readonly local: Local;
  readonly open: TftpServerOptions["open"];
  readonly pool: PacketPool;
  readonly limits: TftpLimits;
  readonly emit: (event: TftpEvent) => void;
  /** The client acknowledged for the first time: this transfer is the one that it talks to. */
  readonly onAnswered: () => void;
  /** An ERROR is to be sent although there is no transfer (yet). */
  readonly answerError: (error: TftpError) => void;
  /** Once; nothing of the job is left then. */
  readonly onGone: () => void;
}

export class Job {
  readonly #options: JobOptions;
  readonly #startedAt = performance.now();
  #carrier: Carrier | undefined;
  #sizeBytes: number | undefined;
  #progressAt = this.#startedAt;
  #answered = false;
  #gone = false;

  constructor(options: JobOptions) {
    this.#options = options;
  }

  get client(): Endpoint {
    return this.#options.request.client;
  }

  /** Whether the client has shown that it knows of this transfer. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Whether nothing has been sent yet: then a repeated request changes nothing. */
  get isOpening(): boolean {
    return this.#carrier === undefined;
  }

  /** Whether a request asks for the very same, options included. */
  asksSame(request: TftpRequest, asked: OptionList): boolean {
    const own = this.#options;
    return (
      own.request.path === request.path &&
      own.request.mode === request.mode &&
      own.asked.length === asked.length &&
      own.asked.every(([name, value], i) => asked[i]?.[0] === name && asked[i]?.[1] === value)
    );
  }

  /** Opens the file and starts the transfer. Never rejects: what goes wrong is told to the client and as an event. */
  async run(): Promise<void> {
    const { request, asked, emit } = this.#options;
    emit({ kind: "request", ...this.#about, mode: request.mode, options: Object.fromEntries(asked) });
    try {
      const file = await this.#options.open(request);
      if (file instanceof Error) throw file;
      if (this.#gone) return;
      await this.#start(file);
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** A newer request of the same client port has taken over. */
  supersede(): void {
    if (this.#gone) return;
    this.#carrier?.abandon();
    this.#options.emit({ kind: "superseded", ...this.#about });
    this.#leave();
  }

  /** The server stops. */
  stop(): void {
    const error = new TftpError("not-defined", "the server stops");
    if (this.#carrier) this.#carrier.stop(error);
    else this.#refuse(error);
  }

  async #start(file: TftpFile): Promise<void> {
    const { request, asked, limits, pool, local } = this.#options;
    const content = request.mode === "octet" ? octetContent(file) : netasciiContent(file);
    this.#sizeBytes = content.sizeBytes;
    const agreement = agree(asked, content.sizeBytes, limits);
    const transfer = new Transfer(content, agreement, pool, performance.now());
    const carrier = await Carrier.start({
      transfer,
      client: request.client,
      localAddress: local.address,
      onHeard: () => this.#heard(transfer),
      onEnd: (ending) => this.#ended(ending, transfer),
    });
    this.#carrier = carrier;
    if (this.#gone) carrier.abandon();
  }

  #heard(transfer: Transfer): void {
    if (!this.#answered && transfer.answered) {
      this.#answered = true;
      this.#options.onAnswered();
    }
    const now = performance.now();
    if (now - this.#progressAt < PROGRESS_INTERVAL_MS) return;
    this.#progressAt = now;
    this.#options.emit({
      kind: "progress",
      ...this.#about,
      sentBytes: transfer.sentBytes,
      sizeBytes: this.#sizeBytes,
    });
  }

  #ended(ending: Ending, transfer: Transfer): void {
    if (this.#gone) return;
    const { emit } = this.#options;
    switch (ending.how) {
      case "done":
        emit({
          kind: "done",
          ...this.#about,
          bytes: transfer.totalBytes,
          ms: performance.now() - this.#startedAt,
          retransmits: transfer.retransmits,
          confirmed: ending.confirmed,
        });
        break;
      case "early-terminate":
        emit({ kind: "early-terminate", ...this.#about, message: ending.message });
        break;
      case "error": {
        const { by, code, message } = ending;
        emit({ kind: "error", ...this.#about, by, code, message, sentBytes: transfer.sentBytes });
        break;
      }
    }
    this.#leave();
  }

  #refuse(error: unknown): void {
    if (this.#gone) return;
    const told =
      error instanceof TftpError ? error : new TftpError("not-defined", "the server failed to open it");
    this.#options.answerError(told);
    const message = messageOf(error);
    this.#options.emit({
      kind: "error",
      ...this.#about,
      by: "server",
      code: told.code,
      message,
      sentBytes: 0,
    });
    this.#leave();
  }

  #leave(): void {
    this.#gone = true;
    this.#options.onGone();
  }

  get #about(): { id: number; path: string; client: Endpoint; localAddress: string } {
    const { id, request } = this.#options;
    return { id, path: request.path, client: request.client, localAddress: request.localAddress };
  }
}
