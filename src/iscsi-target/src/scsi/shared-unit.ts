/** What all sessions of a logical unit share. A unit is the same when its NAA name is: that is what hosts go by. */
import type { LogicalUnit } from "../directory.ts";
import { Medium } from "./medium.ts";
import { DEFAULT_MODE, type ModeSettings } from "./mode-pages.ts";
import { Reservations } from "./reservations/reservations.ts";
import { type InitiatorPort, isSamePort } from "./reservations/state.ts";
import type { SenseName } from "./sense.ts";
import type { Unit } from "./unit.ts";

interface RangeWatch {
  readonly offset: number;
  readonly end: number;
  isTouched: boolean;
}

export class SharedUnit {
  readonly reservations: Reservations;
  readonly medium = new Medium();
  #mode = DEFAULT_MODE;
  readonly #units = new Set<Unit>();
  readonly #watches = new Set<RangeWatch>();

  constructor({ reservations }: Pick<LogicalUnit, "reservations">) {
    this.reservations = new Reservations(reservations);
  }

  /** No session has it open, and nothing is lost when it is forgotten. */
  get isIdle(): boolean {
    const isAsNew = this.#mode === DEFAULT_MODE && this.medium.isLoaded && this.reservations.isVoid;
    return isAsNew && this.#units.size === 0;
  }

  attach(unit: Unit): void {
    this.#units.add(unit);
    this.reservations.inherit(unit.port, (port) => this.#of([port]).length > 0);
  }

  /** The session has ended: what hangs on a session and not on the initiator goes with it. */
  detach(unit: Unit): void {
    this.#units.delete(unit);
    this.medium.allow(unit);
    this.reservations.forgetUnitReservation(unit.port);
    // The host may have come back before this end of its old connection was noticed.
    for (const { port } of this.#units) this.reservations.inherit(port, (old) => this.#of([old]).length > 0);
  }

  get mode(): ModeSettings {
    return this.#mode;
  }

  /** The mode is everybody's: all sessions but the one that changed it are told. */
  changeMode(mode: ModeSettings, by: Unit): void {
    const { writeProtect, descriptorSense } = this.#mode;
    if (mode.writeProtect === writeProtect && mode.descriptorSense === descriptorSense) return;
    this.#mode = mode;
    this.attendOthers(by, "modeParametersChanged");
  }

  /** SAM-5 6.3.3: back to how it was when it was switched on; registrations and an ejected medium stay as they are. */
  reset(): void {
    this.#mode = DEFAULT_MODE;
    this.medium.allow();
    this.reservations.forgetUnitReservation();
  }

  /** Watches a range for writes until `end` is called. */
  watch(offset: number, length: number): { readonly isTouched: boolean; end(): void } {
    const watch: RangeWatch = { offset, end: offset + length, isTouched: false };
    this.#watches.add(watch);
    return {
      get isTouched() {
        return watch.isTouched;
      },
      end: () => void this.#watches.delete(watch),
    };
  }

  touch(offset: number, length: number): void {
    for (const watch of this.#watches)
      if (offset < watch.end && offset + length > watch.offset) watch.isTouched = true;
  }

  attendOthers(but: Unit, sense: SenseName): void {
    for (const unit of this.#units) if (unit !== but) unit.attend(sense);
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
