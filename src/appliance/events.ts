/**
 * The live record of what happens: a ring of the latest events, and everyone who listens.
 *
 *   dhcp, tftp, iscsi, shim, reports --> emit --> ring (replay) --> listeners (SSE, log, `pi wait`)
 */
import type { Stage, StageState } from "./stages.ts";

export interface ApplianceEvent {
  /** Grows by one with each event, and across restarts of the server too. */
  readonly id: number;
  /** Unix time in milliseconds. */
  readonly at: number;
  /** Key of the Pi that it is about, or null for the server's own work. */
  readonly pi: string | null;
  readonly stage: Stage;
  readonly state: StageState;
  readonly detail: string;
  /** What a person can do about a failure, or null. */
  readonly fix: string | null;
  /** How much of it is done, 0 to 1, or null for what is not measured. */
  readonly fraction: number | null;
}

export interface NewEvent {
  readonly pi?: string | null;
  readonly stage: Stage;
  readonly state: StageState;
  readonly detail: string;
  readonly fix?: string | null;
  readonly fraction?: number;
}

/** Enough for some forty whole boots; older ones are in the log. */
export const EVENTS_KEPT = 4096;
/** Part of the text comes from the network (reports, file names): a line on a screen, no more. */
export const DETAIL_MAX_CHARS = 400;

/** How often something happened since the server's start. */
export interface EventCount {
  readonly stage: Stage;
  readonly state: StageState;
  readonly count: number;
}

export type EventListener = (event: ApplianceEvent) => void;

export class EventLog {
  readonly #ring: ApplianceEvent[] = [];
  readonly #listeners = new Set<EventListener>();
  readonly #counts = new Map<string, EventCount>();
  readonly #now: () => number;
  #nextId: number;

  /** `now` gives Unix milliseconds. The first id is the time of the start, so that ids grow across restarts. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#nextId = now();
  }

  /** Records an event and tells every listener. Text is cleaned of control characters and cut to size. */
  emit(event: NewEvent): ApplianceEvent {
    const recorded: ApplianceEvent = {
      id: this.#nextId++,
      at: this.#now(),
      pi: event.pi ?? null,
      stage: event.stage,
      state: event.state,
      detail: cleanText(event.detail),
      fix: event.fix ? cleanText(event.fix) : null,
      fraction: event.fraction ?? null,
    };
    this.#ring.push(recorded);
    if (this.#ring.length > EVENTS_KEPT) this.#ring.shift();
    const { stage, state } = recorded;
    const kind = `${stage} ${state}`;
    this.#counts.set(kind, { stage, state, count: (this.#counts.get(kind)?.count ?? 0) + 1 });
    for (const listener of this.#listeners) listener(recorded);
    return recorded;
  }

  /** The kept events after `id` in order; all of them when `id` is not given. */
  since(id?: number): readonly ApplianceEvent[] {
    if (id === undefined) return [...this.#ring];
    return this.#ring.filter((event) => event.id > id);
  }

  /**
   * Whether events came after `id` that are not kept, or `id` is none of this log: whoever stood there cannot go on by
   * `since` alone.
   */
  hasLost(id: number): boolean {
    return id >= this.#nextId || id + 1 < (this.#ring[0]?.id ?? this.#nextId);
  }

  /** How often each stage was in each state, those that have left the ring included. */
  counts(): readonly EventCount[] {
    return [...this.#counts.values()];
  }

  /** The latest event of a Pi, or undefined. */
  latestOf(pi: string): ApplianceEvent | undefined {
    return this.#ring.findLast((event) => event.pi === pi);
  }

  /** Calls `listener` for every event from now on, until the returned function is called. */
  listen(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}

/** One line of printable text of bounded length: what came from the network can neither forge lines nor move a cursor. */
export function cleanText(text: string): string {
  const printable = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trim();
  return printable.length > DETAIL_MAX_CHARS ? `${printable.slice(0, DETAIL_MAX_CHARS - 1)}…` : printable;
}
