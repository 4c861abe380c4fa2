/** One direction of a bad network, without clocks: packets in, packets out later, or never, or twice. */
import type { Random } from "./random.ts";

export interface Conditions {
  /** Chances from 0 to 1. */
  readonly loss?: number;
  readonly duplicate?: number;
  /** A packet that is chosen overtakes those before it: it waits `delayMs` less. */
  readonly reorder?: number;
  readonly delayMs?: number;
  /** Each packet waits up to so much longer; this alone reorders too. */
  readonly jitterMs?: number;
}

interface Waiting<Packet> {
  readonly at: number;
  readonly order: number;
  readonly packet: Packet;
}

export class Netem<Packet> {
  readonly #conditions: Required<Conditions>;
  readonly #random: Random;
  /** Sorted by time, then by arrival. */
  readonly #waiting: Waiting<Packet>[] = [];
  #order = 0;
  lost = 0;

  constructor(conditions: Conditions, random: Random) {
    this.#conditions = { loss: 0, duplicate: 0, reorder: 0, delayMs: 0, jitterMs: 0, ...conditions };
    this.#random = random;
  }

  /** When `pop` will have something; Infinity when nothing waits. */
  get nextAt(): number {
    return this.#waiting[0]?.at ?? Infinity;
  }

  /** Takes a packet; it is kept, so it must not be written to afterwards. */
  push(packet: Packet, now: number): void {
    const { loss, duplicate, delayMs, jitterMs, reorder } = this.#conditions;
    if (this.#random() < loss) {
      this.lost++;
      return;
    }
    const copies = this.#random() < duplicate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const waitMs = this.#random() < reorder ? 0 : delayMs;
      this.#insert({ at: now + waitMs + this.#random() * jitterMs, order: this.#order++, packet });
    }
  }

  /** The packets whose time has come. */
  pop(now: number): Packet[] {
    const due: Packet[] = [];
    while (this.nextAt <= now) {
      const first = this.#waiting.shift();
      if (first) due.push(first.packet);
    }
    return due;
  }

  #insert(entry: Waiting<Packet>): void {
    let place = this.#waiting.length;
    while (place > 0 && isLater(this.#waiting[place - 1], entry)) place--;
    this.#waiting.splice(place, 0, entry);
  }
}

function isLater<Packet>(waiting: Waiting<Packet> | undefined, entry: Waiting<Packet>): boolean {
  return (
    waiting !== undefined &&
    (waiting.at > entry.at || (waiting.at === entry.at && waiting.order > entry.order))
  );
}
