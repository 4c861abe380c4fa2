/**
 * Listens for the log that a Pi's bootloader sends when its EEPROM says so (NETCONSOLE), and for Linux's netconsole,
 * which speaks the same: text in UDP datagrams, unasked and unanswered. Whoever is no known Pi is not listened to.
 */
import { RateLimit } from "../boot/rate.ts";
import type { EventLog } from "../events.ts";
import { RepeatFilter } from "../serve/repeat-filter.ts";
import { LineAssembler } from "./lines.ts";

/** Where firmware and kernel send to unless they are told otherwise. */
export const NETCONSOLE_PORT = 6666;
/** One frame on Ethernet: nobody sends logs in fragments. */
const DATAGRAM_MAX_BYTES = 1500;
/** A kernel that prints its whole log at once; more in a second is a flood. */
const DATAGRAMS_BURST = 4000;
const DATAGRAMS_PER_SECOND = 500;
/** The record of events has a few thousand: a firmware's log of one boot has some 150 lines. */
const EVENTS_BURST = 200;
const EVENTS_PER_SECOND = 2;
/** An unknown sender is told of once in this time. */
const UNKNOWN_AGAIN_MS = 600_000;

export interface NetconsoleOptions {
  readonly hostname: string;
  readonly port: number;
  readonly events: EventLog;
  /** The Pi that sends from an address; undefined for an unknown one. */
  readonly piAt: (address: string) => string | undefined;
  /** Takes the text as it came, whole lines or not. */
  readonly onText: (pi: string, text: string) => void;
}

export interface Netconsole {
  readonly port: number;
  close(): void;
}

/** Listens; rejects with the system's error when it cannot. */
export async function listenNetconsole(options: NetconsoleOptions): Promise<Netconsole> {
  const receiver = new NetconsoleReceiver(options);
  const socket = await Bun.udpSocket({
    hostname: options.hostname,
    port: options.port,
    socket: { data: (_socket, data, _port, address) => receiver.take(address, data) },
  });
  options.events.emit({
    stage: "server",
    state: "ok",
    detail: `Listens for the logs of firmwares (netconsole) on UDP port ${socket.port}`,
  });
  return { port: socket.port, close: () => socket.close() };
}

/** What is done with each datagram; the socket is another's. */
export class NetconsoleReceiver {
  readonly #options: Pick<NetconsoleOptions, "events" | "piAt" | "onText">;
  readonly #lines = new LineAssembler();
  readonly #datagrams: RateLimit;
  readonly #told: RateLimit;
  readonly #unknown: RepeatFilter;
  readonly #decoder = new TextDecoder();

  /** `now` gives milliseconds. */
  constructor(options: Pick<NetconsoleOptions, "events" | "piAt" | "onText">, now: () => number = Date.now) {
    this.#options = options;
    this.#datagrams = new RateLimit(DATAGRAMS_BURST, DATAGRAMS_PER_SECOND, now);
    this.#told = new RateLimit(EVENTS_BURST, EVENTS_PER_SECOND, now);
    this.#unknown = new RepeatFilter(UNKNOWN_AGAIN_MS, now);
  }

  take(address: string, datagram: Uint8Array): void {
    if (datagram.length > DATAGRAM_MAX_BYTES || !this.#datagrams.take(address)) return;
    const { events, piAt, onText } = this.#options;
    const pi = piAt(address);
    if (pi === undefined) {
      if (this.#unknown.isNew(address))
        events.emit({
          stage: "server",
          state: "progress",
          detail: `${address} sends a log (netconsole) and is no Pi that is known here: it is not kept`,
        });
      return;
    }
    const text = this.#decoder.decode(datagram);
    onText(pi, text);
    for (const line of this.#lines.take(pi, text))
      if (this.#told.take(pi)) events.emit({ pi, stage: "console", state: "progress", detail: line });
  }
}
