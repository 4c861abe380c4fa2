/** The DHCP server's leases in SQLite: an address that was given is still its client's after a restart. */
import type { Database } from "bun:sqlite";
import type { Lease, LeaseStore } from "dhcp4-ts";

interface LeaseRow {
  address: string;
  mac: string;
  client_id: string | null;
  hostname: string | null;
  expires_at: number;
}

export class SqliteLeaseStore implements LeaseStore {
  readonly #sqlite: Database;

  constructor(sqlite: Database) {
    this.#sqlite = sqlite;
  }

  list(): readonly Lease[] {
    return this.#sqlite.query<LeaseRow, []>("SELECT * FROM leases").all().map(leaseOf);
  }

  put({ address, mac, clientId, hostname, expiresAtMs }: Lease): void {
    this.#sqlite
      .query(
        "INSERT OR REPLACE INTO leases (address, mac, client_id, hostname, expires_at) VALUES (?, ?, ?, ?, ?)",
      )
      .run(address, mac, clientId ?? null, hostname ?? null, expiresAtMs);
  }

  remove(address: string): void {
    this.#sqlite.query("DELETE FROM leases WHERE address = ?").run(address);
  }

  /** The MAC that an address was given to, expired or not. */
  macOf(address: string): string | undefined {
    return this.#sqlite.query<LeaseRow, [string]>("SELECT * FROM leases WHERE address = ?").get(address)?.mac;
  }
}

function leaseOf(row: LeaseRow): Lease {
  return {
    address: row.address,
    mac: row.mac,
    clientId: row.client_id ?? undefined,
    hostname: row.hostname ?? undefined,
    expiresAtMs: row.expires_at,
  };
}
