/**
 * Who asked something of this server and got nothing, and why: what the doctor shows to a person who wonders at silence.
 * In memory: after a restart whoever still wants something asks again.
 */
import { cleanText } from "./events.ts";

export interface Refusal {
  /** "DHCP", "iSCSI", "boot endpoint" */
  readonly service: string;
  /** Hardware address where it is known, else the network address. */
  readonly who: string;
  /** What it calls itself (a host name, an initiator's name): any bytes that its sender likes; cleaned when it is kept. */
  readonly name?: string | undefined;
  /** What it says that it is (the vendor class of DHCP). */
  readonly vendor?: string | undefined;
  readonly interface?: string | undefined;
  readonly reason: string;
  /** What a person can do when it should have been answered. */
  readonly fix?: string | undefined;
}

export interface Unanswered {
  readonly service: string;
  readonly who: string;
  readonly name: string | null;
  readonly vendor: string | null;
  readonly interface: string | null;
  /** Of the latest time. */
  readonly reason: string;
  readonly fix: string | null;
  readonly times: number;
  /** Unix milliseconds. */
  readonly firstAt: number;
  readonly lastAt: number;
}

/** A network of one broadcast domain has fewer machines; whoever makes addresses up pushes the oldest out. */
export const UNANSWERED_MAX = 256;
/** A host name has 63 characters, an initiator's name 223: more than a line of a table shows. */
const NAME_MAX_CHARS = 64;

export class UnansweredLog {
  readonly #now: () => number;
  /** By service and sender, the latest at the end. */
  readonly #kept = new Map<string, Unanswered>();

  /** `now` gives Unix milliseconds. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Counts one question that got no answer. */
  note({ service, who, reason, fix, ...said }: Refusal): void {
    const key = `${service} ${who}`;
    const before = this.#kept.get(key);
    const now = this.#now();
    // Behind all others: the first of the map is the one that was silent for longest.
    this.#kept.delete(key);
    this.#kept.set(key, {
      service,
      who: cleanText(who),
      name: shortText(said.name) ?? before?.name ?? null,
      vendor: shortText(said.vendor) ?? before?.vendor ?? null,
      interface: said.interface ?? null,
      reason: cleanText(reason),
      fix: fix === undefined ? null : cleanText(fix),
      times: (before?.times ?? 0) + 1,
      firstAt: before?.firstAt ?? now,
      lastAt: now,
    });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > UNANSWERED_MAX && oldest !== undefined) this.#kept.delete(oldest);
  }

  /** It has been answered since. */
  answered(service: string, who: string): void {
    this.#kept.delete(`${service} ${who}`);
  }

  /** The latest first. */
  all(): readonly Unanswered[] {
    return [...this.#kept.values()].toReversed();
  }
}

function shortText(text: string | undefined): string | undefined {
  const clean = cleanText(text ?? "");
  if (clean === "") return undefined;
  return clean.length > NAME_MAX_CHARS ? `${clean.slice(0, NAME_MAX_CHARS - 1)}…` : clean;
}
