/** A target without sockets: connections over a wire that the fuzzer holds, a disk that notices what it should not be asked. */
import { Connection } from "../../../src/iscsi-target/src/net/connection.ts";
import type { ConnectionHost, TcpSocket } from "../../../src/iscsi-target/src/net/connection-host.ts";
import { SessionRegistry } from "../../../src/iscsi-target/src/net/session-registry.ts";
import { SharedInput } from "../../../src/iscsi-target/src/net/shared-input.ts";
import { Batch } from "../../../src/iscsi-target/src/session/batch.ts";
import { DEFAULT_LIMITS, type IscsiEvent } from "../../../src/iscsi-target/src/index.ts";
import { RamDevice } from "../../../src/iscsi-target/testing/ram-device.ts";
import { TARGET } from "./login-door.ts";

/** A megabyte that need not be made anew for each run. */
const BATCH = new Batch();
const INPUT = new SharedInput(() => 0);
/** Turns of the event loop after which nothing that was under way can be. */
const SETTLE_TURNS = 6;

/** The target checks every range before it gets here; one that did not is remembered, since errors become sense data. */
export class StrictDevice extends RamDevice {
  violation: string | undefined;

  override tryRead(into: Uint8Array, offset: number): boolean {
    this.#check(offset, into.length);
    return super.tryRead(into, offset);
  }

  override read(into: Uint8Array, offset: number): Promise<void> {
    this.#check(offset, into.length);
    return super.read(into, offset);
  }

  override write(data: Uint8Array, offset: number): void {
    this.#check(offset, data.length);
    super.write(data, offset);
  }

  override discard(offset: number, length: number): void {
    this.#check(offset, length);
    super.discard(offset, length);
  }

  #check(offset: number, length: number): void {
    if (offset < 0 || offset + length > this.sizeBytes)
      this.violation ??= `${length} bytes at ${offset} of a disk of ${this.sizeBytes}`;
  }
}

export class FakeServer {
  readonly device: StrictDevice;
  readonly registry = new SessionRegistry();
  readonly events: IscsiEvent[] = [];
  readonly output = { batch: BATCH, tailBytes: 0 };
  opened = 0;
  closed = 0;

  constructor(device: StrictDevice) {
    this.device = device;
  }

  /** What every connection stands on. */
  get host(): ConnectionHost {
    const unit = {
      lun: 0,
      device: this.device,
      blockSizeBytes: 512,
      naa: "3000000000000001",
      serialNumber: "FUZZ",
    } as const;
    const target = {
      name: TARGET,
      auth: "none",
      open: () => {
        this.opened++;
        return { units: [unit], closed: () => void this.closed++ };
      },
    } as const;
    return {
      directory: {
        find: (name) => (name === TARGET ? target : undefined),
        visible: () => [TARGET],
        chapSecret: () => undefined,
      },
      limits: DEFAULT_LIMITS,
      registry: this.registry,
      input: INPUT,
      output: this.output,
      onEvent: (event) => void this.events.push(event),
      portal: (address, port) => `${address}:${port}`,
      randomBytes: (count) => new Uint8Array(count),
      now: () => 0,
    };
  }
}

/** One connection, seen from the initiator's side. */
export class FakeWire implements TcpSocket {
  readonly remoteAddress = "192.0.2.7";
  readonly remotePort = 40_000;
  readonly localAddress = "192.0.2.1";
  readonly localPort = 3260;
  readonly #connection: Connection;
  readonly #isSlow: boolean;
  readonly #taken: Uint8Array[] = [];
  isClosed = false;

  /** A slow one takes a part of what it is given, and the rest after the next turn. */
  constructor(host: ConnectionHost, isSlow = false) {
    this.#isSlow = isSlow;
    this.#connection = new Connection(this, host);
  }

  /** Everything that the target has said. */
  get received(): Uint8Array {
    return Buffer.concat(this.#taken);
  }

  send(bytes: Uint8Array): void {
    if (!this.isClosed) this.#connection.push(bytes);
  }

  hangUp(): void {
    this.#lose();
  }

  write(data: Uint8Array): number {
    if (this.isClosed) return -1;
    const length = this.#isSlow ? Math.ceil(data.length / 2) : data.length;
    this.#taken.push(data.slice(0, length));
    if (length < data.length) setImmediate(() => this.#connection.wake());
    return length;
  }

  pause(): void {
    // What was sent is with the target already.
  }

  resume(): void {
    // As above.
  }

  end(): void {
    setImmediate(() => this.#lose());
  }

  terminate(): void {
    this.#lose();
  }

  #lose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#connection.lost("The initiator closed the connection without a logout.");
  }
}

/** Lets everything happen that can happen by itself. */
export async function settle(turns = SETTLE_TURNS): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}
