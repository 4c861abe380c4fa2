/** The leases in memory, written through to their store, and what else keeps an address from being given. */
import { isInPool, type Pool, poolAddresses } from "./pool.ts";
import type { Lease, LeaseStore } from "./lease.ts";

/** Who a client is: by its identifier when it sends one (RFC 2131 section 4.2), else by its hardware address. */
export interface Client {
  readonly mac: string;
  readonly clientId: string | undefined;
}

/**
 * Whether both are one client. Firmware that sends no identifier and the system it boots, which does, are one machine:
 * the hardware address decides unless both sent identifiers.
 */
export function isSameClient(a: Client, b: Client): boolean {
  if (a.clientId !== undefined && b.clientId !== undefined) return a.clientId === b.clientId;
  return a.mac === b.mac;
}

/**
 * How long an offered address is kept for the client that has not asked for it yet. Some boot ROMs never ask and
 * live on the offer until their system is loaded; that may take minutes.
 */
const OFFER_HOLD_MS = 300_000;
/** How long an address rests that somebody else was found to use. */
const BUSY_HOLD_MS = 300_000;

export class LeaseTable {
  readonly #pool: Pool;
  readonly #store: LeaseStore;
  readonly #leases = new Map<string, Lease>();
  /** By address: at most as many as the pool has. */
  readonly #offers = new Map<string, { client: Client; untilMs: number }>();
  readonly #busy = new Map<string, number>();

  /** Reads the store's leases of this pool; those of other pools are not touched. */
  constructor(pool: Pool, store: LeaseStore) {
    this.#pool = pool;
    this.#store = store;
    for (const lease of store.list())
      if (isInPool(pool, lease.address)) this.#leases.set(lease.address, lease);
  }

  /** The client's lease, also an expired one. */
  leaseOf(client: Client): Lease | undefined {
    for (const lease of this.#leases.values()) if (isSameClient(lease, client)) return lease;
    return undefined;
  }

  /** The address that the client has been offered and may still ask for. */
  offerTo(client: Client, nowMs: number): string | undefined {
    for (const [address, offer] of this.#offers)
      if (offer.untilMs > nowMs && isSameClient(offer.client, client)) return address;
    return undefined;
  }

  /** Whether the client may have the address: it is in the pool and nobody else holds it. */
  isFreeFor(address: string, client: Client, nowMs: number): boolean {
    if (!isInPool(this.#pool, address) || (this.#busy.get(address) ?? 0) > nowMs) return false;
    const lease = this.#leases.get(address);
    if (lease !== undefined && lease.expiresAtMs > nowMs && !isSameClient(lease, client)) return false;
    const offer = this.#offers.get(address);
    return offer === undefined || offer.untilMs <= nowMs || isSameClient(offer.client, client);
  }

  /** An address for a client: its last one, the one it asks for, one nobody had, the one expired for longest. */
  choose(client: Client, requested: string | undefined, nowMs: number): string | undefined {
    for (const wish of [this.leaseOf(client)?.address, requested])
      if (wish !== undefined && this.isFreeFor(wish, client, nowMs)) return wish;
    let oldest: Lease | undefined;
    for (const address of poolAddresses(this.#pool)) {
      if (!this.isFreeFor(address, client, nowMs)) continue;
      const lease = this.#leases.get(address);
      if (lease === undefined) return address;
      if (oldest === undefined || lease.expiresAtMs < oldest.expiresAtMs) oldest = lease;
    }
    return oldest?.address;
  }

  /** Keeps an address for a client until it asks for it. */
  offer(address: string, client: Client, nowMs: number): void {
    this.withdrawOffer(client);
    this.#offers.set(address, { client, untilMs: nowMs + OFFER_HOLD_MS });
  }

  withdrawOffer(client: Client): void {
    for (const [address, offer] of this.#offers)
      if (isSameClient(offer.client, client)) this.#offers.delete(address);
  }

  /** Somebody else uses the address: it rests, and a lease for it is void. */
  markBusy(address: string, nowMs: number): void {
    this.#busy.set(address, nowMs + BUSY_HOLD_MS);
    this.#offers.delete(address);
    if (this.#leases.has(address)) this.#store.remove(address);
    this.#leases.delete(address);
  }

  /** Gives or prolongs a lease. The store has it before this returns; a client has one address in a pool. */
  bind(lease: Lease): void {
    this.#store.put(lease);
    for (const other of this.#leases.values())
      if (other.address !== lease.address && isSameClient(other, lease)) {
        this.#store.remove(other.address);
        this.#leases.delete(other.address);
      }
    this.#leases.set(lease.address, lease);
    this.withdrawOffer(lease);
  }
}
