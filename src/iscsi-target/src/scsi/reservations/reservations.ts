/**
 * Who may use a logical unit, SPC-4 section 5.13 (persistent reservations) and SPC-2 section 7.21 (RESERVE and RELEASE).
 * No I/O: each method either changes the state and names the ports that are to be told, or throws and changes nothing.
 */
import { ReservationConflict, SenseError, type SenseName } from "../sense.ts";
import {
  type InitiatorPort,
  NO_RESERVATIONS,
  type ReservationState,
  type ReservationStore,
  hasRandomIsid,
  isSamePort,
} from "./state.ts";
import { reservationType } from "./types.ts";

/**
 * What a command does, as far as a reservation minds: nothing; it asks for the unit's state (RESERVE of SPC-2
 * forbids even that); it reads, writes, or changes how the unit behaves.
 */
export type Access = "free" | "status" | "read" | "write" | "control";

/** A unit attention for other ports. */
export interface Notice {
  readonly sense: SenseName;
  readonly ports: readonly InitiatorPort[];
}

/** Registrations of one unit: a cluster has tens of hosts, and each costs a hundred bytes for as long as the server runs. */
export const MAX_REGISTRATIONS = 128;

export const NO_KEY = "0000000000000000";

export class Reservations {
  readonly #store: ReservationStore | undefined;
  #state: ReservationState;
  /** Holder of a RESERVE of SPC-2, which ends with its session. */
  #reservedBy: InitiatorPort | undefined;
  #saved: Promise<void> | undefined;

  constructor(store?: ReservationStore) {
    this.#store = store;
    this.#state = store?.load() ?? NO_RESERVATIONS;
  }

  get state(): ReservationState {
    return this.#state;
  }

  /** Whether there is something to keep it over a restart (PTPL_C). */
  get canPersist(): boolean {
    return this.#store !== undefined;
  }

  /** Nothing is lost when this is forgotten. */
  get isVoid(): boolean {
    return this.#state.generation === 0 && this.#reservedBy === undefined;
  }

  /** Resolves once the last change is kept; undefined when there is nothing to wait for. */
  get saved(): Promise<void> | undefined {
    return this.#saved;
  }

  isHolder(port: InitiatorPort): boolean {
    const { held } = this.#state;
    if (!held || !this.keyOf(port)) return false;
    return reservationType(held.type)?.admits === "allRegistrants" || isSamePort(held.port, port);
  }

  /** The key that the port has registered. */
  keyOf(port: InitiatorPort): string | undefined {
    return this.#state.registrations.find((registration) => isSamePort(registration.port, port))?.key;
  }

  /** Throws ReservationConflict when the port may not do that now. */
  check(port: InitiatorPort, access: Access): void {
    if (access === "free") return;
    if (this.#reservedBy && !isSamePort(this.#reservedBy, port)) throw new ReservationConflict();
    const { held } = this.#state;
    if (!held || access === "status" || this.isHolder(port)) return;
    const type = reservationType(held.type);
    if (type?.admits !== "holder" && this.keyOf(port)) return;
    if (type?.isWriteExclusive && access === "read") return;
    throw new ReservationConflict();
  }

  /** RESERVE(6) and (10). Ports that have registered keep to persistent reservations (SPC-3 5.6.3). */
  reserveUnit(port: InitiatorPort): void {
    if (this.#state.registrations.length > 0) throw new ReservationConflict();
    if (this.#reservedBy && !isSamePort(this.#reservedBy, port)) throw new ReservationConflict();
    this.#reservedBy = port;
  }

  /** RELEASE(6) and (10): of what somebody else holds it is nothing, and no error (AIX). */
  releaseUnit(port: InitiatorPort): void {
    if (this.#state.registrations.length > 0) throw new ReservationConflict();
    if (this.#reservedBy && isSamePort(this.#reservedBy, port)) this.#reservedBy = undefined;
  }

  /** The port's session has ended, or (without one) the unit is reset. Registrations stay. */
  forgetUnitReservation(port?: InitiatorPort): void {
    if (!port || (this.#reservedBy && isSamePort(this.#reservedBy, port))) this.#reservedBy = undefined;
  }

  /**
   * A host that draws a random ISID for each login is another port each time, and would lose what it has registered
   * with the first break of its connection. So a new such port takes over what an older one of its name left behind.
   */
  inherit(heir: InitiatorPort, isLive: (port: InitiatorPort) => boolean): void {
    if (!hasRandomIsid(heir) || this.keyOf(heir)) return;
    const { registrations, held } = this.#state;
    const left = registrations.filter(
      ({ port }) => port.initiatorName === heir.initiatorName && hasRandomIsid(port) && !isLive(port),
    );
    const mine = left.find(({ port }) => held && isSamePort(held.port, port)) ?? left[0];
    if (!mine) return;
    const others = registrations.filter((entry) => entry !== mine);
    const holds = held !== undefined && isSamePort(held.port, mine.port);
    try {
      this.#change({
        registrations: [...others, { port: heir, key: mine.key }],
        ...(holds ? { held: { type: held.type, port: heir } } : {}),
      });
    } catch {
      // It cannot be kept, and a login or an end of another does not fail for that: the next one tries again.
      return;
    }
  }

  /** REGISTER, and with `ignoresKey` REGISTER AND IGNORE EXISTING KEY (SPC-4 5.13.7). The key NO_KEY unregisters. */
  register(port: InitiatorPort, { key, newKey, ignoresKey, persists }: Registering): readonly Notice[] {
    const own = this.keyOf(port);
    if (!ignoresKey && key !== (own ?? NO_KEY)) throw new ReservationConflict();
    if (persists && !this.canPersist) throw new SenseError("invalidFieldInParameterList", { field: 20 });
    if (newKey === NO_KEY) return own ? this.#unregister(port, persists) : [];
    const { registrations } = this.#state;
    if (!own && registrations.length >= MAX_REGISTRATIONS)
      throw new SenseError("insufficientRegistrationResources");
    const mine = { port, key: newKey };
    const next = own
      ? registrations.map((registration) => (isSamePort(registration.port, port) ? mine : registration))
      : [...registrations, mine];
    this.#change({ registrations: next, persists }, true);
    return [];
  }

  #unregister(port: InitiatorPort, persists: boolean): readonly Notice[] {
    const { held, registrations } = this.#state;
    const others = registrations.filter((registration) => !isSamePort(registration.port, port));
    const admits = held && reservationType(held.type)?.admits;
    const endsReservation =
      held && (admits === "allRegistrants" ? others.length === 0 : isSamePort(held.port, port));
    this.#change({ registrations: others, persists, ...(endsReservation ? { held: undefined } : {}) }, true);
    if (!endsReservation || admits !== "registrants") return [];
    return [{ sense: "reservationsReleased", ports: others.map((other) => other.port) }];
  }

  /** RESERVE (SPC-4 5.13.9). Whoever holds it already may say so again. */
  reserve(port: InitiatorPort, key: string, type: number): void {
    this.#checkKey(port, key);
    const { held } = this.#state;
    if (held && (held.type !== type || !this.isHolder(port))) throw new ReservationConflict();
    if (!held) this.#change({ held: { type, port } });
  }

  /** RELEASE (SPC-4 5.13.11.2): by somebody who does not hold it is nothing. */
  release(port: InitiatorPort, key: string, type: number): readonly Notice[] {
    this.#checkKey(port, key);
    const { held } = this.#state;
    if (!held || !this.isHolder(port)) return [];
    if (held.type !== type) throw new SenseError("invalidRelease");
    this.#change({ held: undefined });
    if (reservationType(type)?.admits === "holder") return [];
    return [{ sense: "reservationsReleased", ports: this.#portsBut(port) }];
  }

  /** CLEAR (SPC-4 5.13.11.6): away with the reservation and everyone's registration. */
  clear(port: InitiatorPort, key: string): readonly Notice[] {
    this.#checkKey(port, key);
    const ports = this.#portsBut(port);
    this.#change({ registrations: [], held: undefined }, true);
    return [{ sense: "reservationsPreempted", ports }];
  }

  /** PREEMPT (SPC-4 5.13.11.4): away with those of `victimKey`, and with their reservation, which becomes the port's. */
  preempt(
    port: InitiatorPort,
    key: string,
    victimKey: string,
    type: number,
  ): { readonly notices: readonly Notice[]; readonly removed: readonly InitiatorPort[] } {
    this.#checkKey(port, key);
    const { held, registrations } = this.#state;
    const isForAll = held !== undefined && reservationType(held.type)?.admits === "allRegistrants";
    const takesOver =
      held !== undefined && (isForAll ? victimKey === NO_KEY : this.keyOf(held.port) === victimKey);
    if (victimKey === NO_KEY && !takesOver) throw new SenseError("invalidFieldInParameterList", { field: 8 });
    const isVictim = (registration: { port: InitiatorPort; key: string }): boolean =>
      (victimKey === NO_KEY || registration.key === victimKey) &&
      !(takesOver && isSamePort(registration.port, port));
    const victims = registrations.filter(isVictim);
    if (victims.length === 0 && !takesOver) throw new ReservationConflict();
    const left = registrations.filter((registration) => !isVictim(registration));
    let after = held;
    if (takesOver) after = { type, port };
    else if (left.length === 0) after = undefined;
    this.#change({ registrations: left, held: after }, true);
    const removed = victims.map((victim) => victim.port).filter((victim) => !isSamePort(victim, port));
    const notices: Notice[] = [{ sense: "registrationsPreempted", ports: removed }];
    if (takesOver && held.type !== type)
      notices.push({ sense: "reservationsReleased", ports: this.#portsBut(port) });
    return { notices, removed };
  }

  #checkKey(port: InitiatorPort, key: string): void {
    if (this.keyOf(port) !== key) throw new ReservationConflict();
  }

  #portsBut(port: InitiatorPort): readonly InitiatorPort[] {
    return this.#state.registrations
      .map((registration) => registration.port)
      .filter((other) => !isSamePort(other, port));
  }

  #change(change: StateChange, countsAsGeneration = false): void {
    const { held, ...rest } = { ...this.#state, ...change };
    const before = this.#state;
    const next = {
      ...rest,
      ...(held ? { held } : {}),
      generation: countsAsGeneration ? (before.generation + 1) >>> 0 : before.generation,
    };
    const saved = before.persists || next.persists ? this.#store?.save(next) : undefined;
    this.#state = next;
    if (!saved) return;
    this.#saved = saved;
    const forget = (): void => {
      if (this.#saved === saved) this.#saved = undefined;
    };
    // The command that waits for it tells of a failure.
    saved.then(forget, forget);
  }
}

export interface Registering {
  readonly key: string;
  readonly newKey: string;
  readonly ignoresKey: boolean;
  readonly persists: boolean;
}

interface StateChange {
  readonly registrations?: ReservationState["registrations"];
  readonly held?: ReservationState["held"] | undefined;
  readonly persists?: boolean;
}
