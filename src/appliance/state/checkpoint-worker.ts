/** Folds the write-ahead log into the database on a thread of its own: this is where SQLite waits for the disk. */
import { Database } from "bun:sqlite";

declare const self: Worker;

self.addEventListener("message", (event: MessageEvent<string>) => {
  const database = new Database(event.data);
  database.run("PRAGMA busy_timeout = 5000");
  database.run("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  self.postMessage("done", []);
});
