/** What all sessions of a logical unit share. A unit is the same when its NAA name is: that is what hosts go by. */
import type { LogicalUnit } from "../directory.ts";
import { Reservations } from "./reservations/reservations.ts";
import { type InitiatorPort, isSamePort } from "./reservations/state.ts";
import type { SenseName } from "./sense.ts";
import type { Unit } from "./unit.ts";

export class SharedUnit {
  readonly reservations: Reservations;
  readonly #units = new Set<Unit>();

  constructor({ reservations }: Pick<LogicalUnit, "reservations">) {
    this.reservations = new Reservations(reservations);
  }

  /** No session has it open, and nothing is lost when it is forgotten. */
  get isIdle(): boolean {
    return this.#units.size === 0 && this.reservations.isVoid;
  }

  attach(unit: Unit): void {
    this.#units.add(unit);
  }

  /** The session has ended: what hangs on a session and not on the initiator goes with it. */
  detach(unit: Unit): void {
    this.#units.delete(unit);
    this.reservations.forgetUnitReservation(unit.port);
  }

  attend(ports: readonly InitiatorPort[], sense: SenseName): void {
    for (const unit of this.#of(ports)) unit.attend(sense);
  }

  abortTasks(ports: readonly InitiatorPort[]): void {
    for (const unit of this.#of(ports)) unit.abortTasks();
  }

  #of(ports: readonly InitiatorPort[]): Unit[] {
    return [...this.#units].filter((unit) => ports.some((port) => isSamePort(port, unit.port)));
  }
}

/** The units of one server. What nobody uses and nobody has registered with is forgotten. */
export class SharedUnits {
  readonly #byNaa = new Map<string, SharedUnit>();

  of(unit: LogicalUnit): SharedUnit {
    const naa = unit.naa.toLowerCase();
    const known = this.#byNaa.get(naa) ?? new SharedUnit(unit);
    this.#byNaa.set(naa, known);
    return known;
  }

  detach(unit: Unit): void {
    unit.shared.detach(unit);
    if (unit.shared.isIdle) this.#byNaa.delete(unit.identity.naa.toLowerCase());
  }
}
