/** The settings of sessions and of Pis in the database; they go when what they belong to goes. */
import type { Database } from "bun:sqlite";
import { z } from "zod";
import type { Customisation } from "./settings.ts";

const StoredSchema = z.object({
  keepNames: z.boolean().optional(),
  hostname: z.string().optional(),
  user: z.object({ name: z.string(), passwordHash: z.string().nullable() }).optional(),
  ssh: z.boolean().optional(),
  sshKeys: z.array(z.string()).optional(),
  wifi: z
    .object({ ssid: z.string(), psk: z.string().nullable(), country: z.string(), hidden: z.boolean() })
    .optional(),
  locale: z.string().optional(),
  keyboard: z.string().optional(),
  timezone: z.string().optional(),
});

export type Owner = "session" | "pi";

const TABLES = {
  session: { table: "session_customisations", key: "session_id" },
  pi: { table: "pi_customisations", key: "pi" },
} as const satisfies Record<Owner, { readonly table: string; readonly key: string }>;

export class CustomiseStore {
  readonly #sqlite: Database;

  constructor(sqlite: Database) {
    this.#sqlite = sqlite;
  }

  get(owner: Owner, id: string): Customisation | undefined {
    const { table, key } = TABLES[owner];
    const row = this.#sqlite
      .query<{ settings: string }, [string]>(`SELECT settings FROM ${table} WHERE ${key} = ?`)
      .get(id);
    return row ? StoredSchema.parse(JSON.parse(row.settings)) : undefined;
  }

  /** Undefined takes them away. */
  set(owner: Owner, id: string, settings: Customisation | undefined): void {
    const { table, key } = TABLES[owner];
    if (settings === undefined) this.#sqlite.query(`DELETE FROM ${table} WHERE ${key} = ?`).run(id);
    else
      this.#sqlite
        .query(`INSERT OR REPLACE INTO ${table} (${key}, settings) VALUES (?, ?)`)
        .run(id, JSON.stringify(settings));
  }
}
