/** What initiators read and write, by target: totals since the server's start, and the pace of the last second. */

/** What passed over one login; the counts begin at 0 with it. */
export interface Connection {
  readonly id: number;
  readonly targetName: string;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface Traffic {
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly readBytesPerSecond: number;
  readonly writtenBytesPerSecond: number;
}

export const NO_TRAFFIC: Traffic = {
  readBytes: 0,
  writtenBytes: 0,
  readBytesPerSecond: 0,
  writtenBytesPerSecond: 0,
};

interface Counted {
  read: number;
  written: number;
}

interface Target {
  total: Counted;
  /** The total at the last look. */
  before: Counted;
  traffic: Traffic;
}

const MS_PER_SECOND = 1000;

export class TrafficMeter {
  readonly #targets = new Map<string, Target>();
  /** What was counted already of each login. */
  readonly #counted = new Map<number, Counted>();
  #lookedAt: number;

  /** `now` is in milliseconds of a clock that never goes back. */
  constructor(now: number) {
    this.#lookedAt = now;
  }

  /** The traffic of a target at the last look. */
  of(targetName: string): Traffic {
    return this.#targets.get(targetName)?.traffic ?? NO_TRAFFIC;
  }

  /** Counts what came since the last look; returns the targets whose traffic is another now: also those that fell silent. */
  look(connections: readonly Connection[], now: number): readonly string[] {
    for (const connection of connections) this.#count(connection);
    const seconds = Math.max(1, now - this.#lookedAt) / MS_PER_SECOND;
    this.#lookedAt = now;
    const changed: string[] = [];
    for (const [name, target] of this.#targets) {
      const read = target.total.read - target.before.read;
      const written = target.total.written - target.before.written;
      const { readBytesPerSecond, writtenBytesPerSecond } = target.traffic;
      if (read > 0 || written > 0 || readBytesPerSecond > 0 || writtenBytesPerSecond > 0) changed.push(name);
      target.before = { ...target.total };
      target.traffic = {
        readBytes: target.total.read,
        writtenBytes: target.total.written,
        readBytesPerSecond: Math.round(read / seconds),
        writtenBytesPerSecond: Math.round(written / seconds),
      };
    }
    return changed;
  }

  /** A login has ended, with these last counts. */
  ended(connection: Connection): void {
    this.#count(connection);
    this.#counted.delete(connection.id);
  }

  /** Forgets the targets that are there no more. */
  keep(isThere: (targetName: string) => boolean): void {
    for (const name of this.#targets.keys()) if (!isThere(name)) this.#targets.delete(name);
  }

  #count({ id, targetName, bytesRead, bytesWritten }: Connection): void {
    const known = this.#counted.get(id) ?? { read: 0, written: 0 };
    const target = this.#targets.get(targetName) ?? newTarget();
    this.#targets.set(targetName, target);
    // An initiator may log in again under the number that it had: then the counts begin anew.
    target.total.read += bytesRead >= known.read ? bytesRead - known.read : bytesRead;
    target.total.written += bytesWritten >= known.written ? bytesWritten - known.written : bytesWritten;
    this.#counted.set(id, { read: bytesRead, written: bytesWritten });
  }
}

function newTarget(): Target {
  return { total: { read: 0, written: 0 }, before: { read: 0, written: 0 }, traffic: NO_TRAFFIC };
}
