/** A filter over a session's disk that tells a person when the host cannot take a write: the guest only sees an error. */
import type { BlockDevice, DeviceExtent } from "iscsi-target-ts";
import { errnoOf, wordsOf } from "../errors.ts";
import { QuotaExceeded } from "../sessions/space-budget.ts";

type MappedDevice = Required<BlockDevice>;

export interface Trouble {
  readonly detail: string;
  readonly fix: string;
}

/** A guest tries again and again: the same trouble is told once in this time. */
const TELL_AGAIN_MS = 30_000;

const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** Passes everything through to `device`; its failures are told and then thrown as they are. */
export class WatchedDisk implements MappedDevice {
  readonly #device: MappedDevice;
  readonly #tell: (trouble: Trouble) => void;
  readonly #now: () => number;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(
    device: MappedDevice,
    tell: (trouble: Trouble) => void,
    now: () => number = performance.now.bind(performance),
  ) {
    this.#device = device;
    this.#tell = tell;
    this.#now = now;
  }

  get sizeBytes(): number {
    return this.#device.sizeBytes;
  }

  get readOnly(): boolean {
    return this.#device.readOnly;
  }

  tryRead(into: Uint8Array, offset: number): boolean {
    return this.#device.tryRead(into, offset);
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    try {
      await this.#device.read(into, offset);
    } catch (error) {
      throw this.#told(error);
    }
  }

  prepare(offset: number, length: number): Promise<void> | undefined {
    return this.#device.prepare(offset, length)?.catch((error: unknown) => {
      throw this.#told(error);
    });
  }

  write(data: Uint8Array, offset: number): void {
    try {
      this.#device.write(data, offset);
    } catch (error) {
      throw this.#told(error);
    }
  }

  discard(offset: number, length: number): void {
    try {
      this.#device.discard(offset, length);
    } catch (error) {
      throw this.#told(error);
    }
  }

  async flush(): Promise<void> {
    try {
      await this.#device.flush();
    } catch (error) {
      throw this.#told(error);
    }
  }

  extents(offset: number, length: number): Iterable<DeviceExtent> {
    return this.#device.extents(offset, length);
  }

  #told(error: unknown): unknown {
    // The session's budget has told of it already.
    if (error instanceof QuotaExceeded) return error;
    const now = this.#now();
    if (now - this.#toldAt < TELL_AGAIN_MS) return error;
    this.#toldAt = now;
    this.#tell(
      FULL.has(errnoOf(error) ?? "")
        ? {
            detail:
              "The disk of the data folder is full: a write was refused, what was written before is kept",
            fix: "Make room there; the session goes on by itself.",
          }
        : {
            detail: `The host's disk failed: ${wordsOf(error)}`,
            fix: "Look at the host's disk and its log.",
          },
    );
    return error;
  }
}
