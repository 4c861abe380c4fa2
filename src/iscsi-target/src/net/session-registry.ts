/** The normal sessions of a server, by TSIH and by nexus (initiator name, ISID, target). */
import type { Nexus, SessionEnd } from "../directory.ts";
import type { SessionInfo } from "../events.ts";
import { SharedUnits } from "../scsi/shared-unit.ts";
import type { Session } from "../session/session.ts";

export interface OpenSession {
  readonly tsih: number;
  readonly cid: number;
  readonly nexus: Nexus;
  readonly session: Session;
  readonly info: SessionInfo;
  /** It is being closed, and stays in the registry until its owner is done with that. */
  readonly isEnding: boolean;
  /** Ends it at once; resolves when the owner's `closed` has run. */
  end(reason: SessionEnd, why: string): Promise<void>;
  /** Lets commands in flight finish first. */
  readonly retire: (reason: SessionEnd, why: string) => Promise<void>;
}

/** TSIH has 16 bits, and 0 stands for "none yet". */
const MAX_TSIH = 0xffff;

export class SessionRegistry {
  /** What sessions of one logical unit have in common. */
  readonly units = new SharedUnits();
  readonly #byTsih = new Map<number, OpenSession>();
  readonly #logins = new Map<string, Promise<void>>();
  #lastTsih = 0;

  /** Oldest first. */
  all(): OpenSession[] {
    return [...this.#byTsih.values()];
  }

  ofTarget(targetName: string): OpenSession[] {
    return this.all().filter(({ nexus }) => nexus.targetName === targetName);
  }

  ofNexus(nexus: Nexus): OpenSession | undefined {
    const key = keyOf(nexus);
    return this.all().find((open) => keyOf(open.nexus) === key);
  }

  byTsih(tsih: number): OpenSession | undefined {
    return this.#byTsih.get(tsih);
  }

  /** A number that no session has. There are more numbers than the server takes connections. */
  nextTsih(): number {
    do this.#lastTsih = (this.#lastTsih % MAX_TSIH) + 1;
    while (this.#byTsih.has(this.#lastTsih));
    return this.#lastTsih;
  }

  add(open: OpenSession): void {
    this.#byTsih.set(open.tsih, open);
  }

  remove(tsih: number): void {
    this.#byTsih.delete(tsih);
  }

  /** Runs logins of one nexus one after another, so that each finds the one before it open, or closed for good. */
  async inTurn<T>(nexus: Nexus, login: () => Promise<T>): Promise<T> {
    const key = keyOf(nexus);
    const before = this.#logins.get(key) ?? Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const mine = before.then(() => promise);
    this.#logins.set(key, mine);
    try {
      await before;
      return await login();
    } finally {
      resolve();
      if (this.#logins.get(key) === mine) this.#logins.delete(key);
    }
  }
}

function keyOf({ targetName, initiatorName, isid }: Nexus): string {
  return `${targetName}\n${initiatorName}\n${isid}`;
}
