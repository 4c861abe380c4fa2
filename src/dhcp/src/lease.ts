/** One binding of an address to a client. Times are milliseconds since the epoch. */
export interface Lease {
  readonly address: string;
  /** The client's hardware address, `aa:bb:cc:dd:ee:ff`. */
  readonly mac: string;
  /** Option 61 in hex, or undefined for a client that sends none. */
  readonly clientId: string | undefined;
  readonly hostname: string | undefined;
  /** When the client must have renewed. An expired lease is kept: its client gets the same address again. */
  readonly expiresAtMs: number;
}

/**
 * Where leases outlive the process. The server reads it all once at its start and writes through:
 * `put` has returned before an ACK leaves, so a store that is durable on return never gives one address twice.
 */
export interface LeaseStore {
  list(): Iterable<Lease>;
  /** Adds a lease or replaces the one of the same address. */
  put(lease: Lease): void;
  remove(address: string): void;
}

/** A store that forgets at the end of the process. */
export class MemoryLeaseStore implements LeaseStore {
  readonly #leases = new Map<string, Lease>();

  list(): Iterable<Lease> {
    return [...this.#leases.values()];
  }

  put(lease: Lease): void {
    this.#leases.set(lease.address, lease);
  }

  remove(address: string): void {
    this.#leases.delete(address);
  }
}
