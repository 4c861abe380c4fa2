/** What a logical unit remembers of persistent reservations, SPC-4 section 5.13: plain data, so that an owner can keep it. */

/** An initiator port: what a registration belongs to. A host that keeps its ISID over a relogin is the same port. */
export interface InitiatorPort {
  readonly initiatorName: string;
  /** Twelve hex digits. */
  readonly isid: string;
}

export interface Registration {
  readonly port: InitiatorPort;
  /** Sixteen hex digits; all zero stands for no key and is never registered. */
  readonly key: string;
}

export interface HeldReservation {
  readonly type: number;
  /** Who reserved. With an all-registrants type every registered port is a holder. */
  readonly port: InitiatorPort;
}

export interface ReservationState {
  /** Counts changes of registrations (PRGENERATION), 32 bits. */
  readonly generation: number;
  readonly registrations: readonly Registration[];
  readonly held?: HeldReservation;
  /** The last registration asked that all of it outlives a loss of power. */
  readonly persists: boolean;
}

/**
 * Keeps the reservations of one logical unit over restarts of the server. `save` is called before the command
 * that changed them is answered, and only when an initiator has asked for it or had before (APTPL).
 * That command waits for a promise of `save`: resolve it once the state would outlive a loss of power.
 */
export interface ReservationStore {
  load(): ReservationState | undefined;
  save(state: ReservationState): void | Promise<void>;
}

export const NO_RESERVATIONS: ReservationState = { generation: 0, registrations: [], persists: false };

export function isSamePort(a: InitiatorPort, b: InitiatorPort): boolean {
  return a.isid === b.isid && a.initiatorName === b.initiatorName;
}

/** RFC 7143 11.12.5: T = 10b, an ISID out of random bits, as libiscsi draws a new one for each login. */
export function hasRandomIsid({ isid }: InitiatorPort): boolean {
  return (Number.parseInt(isid.slice(0, 2), 16) & 0xc0) === 0x80;
}
