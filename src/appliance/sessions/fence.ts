/** Keeps initiators out of disks that they used when this computer lost power, until somebody knows better. */
import type { LastEnd } from "../../disk/qcow2/last-end.ts";
import { ApplianceError, wordsOf } from "../errors.ts";
import type { EventLog } from "../events.ts";
import type { StateDatabase } from "../state/database.ts";
import type { SessionDisks } from "./disks.ts";
import { type Fence, fenceFix, INITIATORS_PER_SESSION_MAX, InitiatorStore } from "./initiators.ts";
import type { SessionRecord } from "./record.ts";
import type { SessionStore } from "./store.ts";

export interface SessionFenceParts {
  readonly database: StateDatabase;
  readonly store: SessionStore;
  readonly disks: SessionDisks;
  readonly events: EventLog;
}

export class SessionFence {
  readonly #parts: SessionFenceParts;
  readonly #initiators: InitiatorStore;
  readonly #now: () => number;

  constructor(parts: SessionFenceParts, now: () => number) {
    this.#parts = parts;
    this.#initiators = new InitiatorStore(parts.database.sqlite);
    this.#now = now;
    parts.disks.onOpening = (session, lastEnd) => this.#judge(session, lastEnd);
  }

  isFenced(id: string, initiator: string): boolean {
    return this.#initiators.isFenced(id, initiator);
  }

  /** Who is kept out of a session since this computer lost power, or null. */
  fenceOf(id: string): Fence | null {
    return this.#initiators.fenceOf(id);
  }

  /**
   * Lets the fenced initiators of a session in again, by a person's word: whatever they had not flushed when the power
   * went is lost, and they do not know it. False when none was fenced.
   */
  async lift({ id, pi }: SessionRecord): Promise<boolean> {
    if (!this.#initiators.lift(id)) return false;
    await this.#parts.database.syncToDisk();
    this.#say("ok", `Session ${id} takes the initiators from before the loss of power again`, pi);
    return true;
  }

  /** Throws "in-use" for one initiator more than can be kept out later. */
  checkRoom({ id }: SessionRecord, initiator: string): void {
    if (this.#initiators.hasRoom(id, initiator)) return;
    throw new ApplianceError(
      "in-use",
      `${INITIATORS_PER_SESSION_MAX} initiators have used session ${id} since it was last closed`,
      "Log all of them out once.",
    );
  }

  /** A name that stays for want of space fences one that need not be, at worst. */
  forgetUsers(id: string): void {
    try {
      this.#initiators.forgetUsers(id);
    } catch (error) {
      const pi = this.#parts.store.byId(id)?.pi ?? null;
      this.#say("fail", `The record of session ${id} could not be written: ${wordsOf(error)}`, pi);
    }
  }

  /** Throws ApplianceError "fenced" for an initiator that is kept out since this computer lost power. */
  refuse({ id }: SessionRecord, initiator: string): void {
    if (!this.#initiators.isFenced(id, initiator)) return;
    throw new ApplianceError(
      "fenced",
      `${initiator} used session ${id} when this computer lost power; what it had not flushed is lost, and it does not know`,
      fenceFix(id),
    );
  }

  /** On return a loss of power would find the name; a database that cannot be written keeps nobody from its disk. */
  async note({ id, pi }: SessionRecord, initiator: string): Promise<void> {
    try {
      if (this.#initiators.note(id, initiator)) await this.#parts.database.syncToDisk();
    } catch (error) {
      this.#say("fail", `Who uses session ${id} could not be written: ${wordsOf(error)}`, pi);
    }
  }

  async #judge({ id, pi }: SessionRecord, lastEnd: LastEnd): Promise<void> {
    if (lastEnd === "clean") this.forgetUsers(id);
    if (lastEnd !== "power-loss") return;
    const fenced = this.#initiators.fence(id, this.#now());
    await this.#parts.database.syncToDisk();
    if (fenced.length === 0) return;
    this.#parts.events.emit({
      pi,
      stage: "session",
      state: "fail",
      detail: `This computer lost power while ${fenced.join(", ")} used session ${id}; if that still runs, it is kept out`,
      fix: fenceFix(id),
    });
  }

  /** A Pi that boots anew believes nothing of what it wrote before: on none of its sessions. */
  liftForNewBoot({ id, pi }: SessionRecord, bootId: string): void {
    for (const session of this.#parts.store.all()) {
      const isIts = session.id === id || (pi !== null && session.pi === pi);
      if (!isIts || session.bootId === bootId || !this.#initiators.lift(session.id)) continue;
      this.#say("ok", `Session ${session.id} lets its Pi in again: it has booted anew`, pi);
    }
  }

  /** The session is gone. */
  forgetSession(id: string): void {
    this.#initiators.forgetSession(id);
  }

  #say(state: "ok" | "fail", detail: string, pi: string | null): void {
    this.#parts.events.emit({ pi, stage: "session", state, detail });
  }
}
