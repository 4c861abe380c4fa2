/** A server over RAM disks for tests, on a port of its own choice, with what happened to it. */
import {
  type IscsiEvent,
  type IscsiServer,
  type IscsiServerOptions,
  type LogicalUnit,
  type OpenTarget,
  type Target,
  createIscsiServer,
} from "../src/index.ts";
import { RamDevice } from "./ram-device.ts";

export const TARGET = "iqn.2026-01.test:disk";

export interface Served {
  readonly server: IscsiServer;
  readonly port: number;
  readonly device: RamDevice;
  readonly events: IscsiEvent[];
  /** Ends in the order in which sessions were closed. */
  readonly ends: string[];
  /** Resolves with the next event of that kind, past ones included. */
  readonly event: <K extends IscsiEvent["kind"]>(kind: K) => Promise<Extract<IscsiEvent, { kind: K }>>;
}

export interface ServeOptions {
  readonly auth?: Target["auth"];
  readonly device?: RamDevice;
  readonly blockSizeBytes?: 512 | 4096;
  /** What else the disk is. */
  readonly unit?: Partial<LogicalUnit>;
  readonly open?: Target["open"];
  readonly redirect?: NonNullable<Target["redirect"]>;
  readonly limits?: IscsiServerOptions["limits"];
  readonly targets?: readonly string[];
}

export function unitOf(device: RamDevice, lun = 0, blockSizeBytes: 512 | 4096 = 512): LogicalUnit {
  return {
    lun,
    device,
    blockSizeBytes,
    naa: `300000000000000${lun}`,
    serialNumber: `RAM${lun}`,
    vendor: "TEST",
    product: "RAM disk",
  };
}

export async function serve(options: ServeOptions = {}): Promise<Served> {
  const device = options.device ?? new RamDevice(4 * 1024 * 1024);
  const events: IscsiEvent[] = [];
  const ends: string[] = [];
  const waiting: { kind: string; resolve: (event: IscsiEvent) => void }[] = [];
  const { auth = "none" } = options;
  const redirect = options.redirect ? { redirect: options.redirect } : {};
  const names = options.targets ?? [TARGET];
  const open =
    options.open ??
    ((): OpenTarget => ({
      units: [{ ...unitOf(device, 0, options.blockSizeBytes), ...options.unit }],
      closed: (end) => void ends.push(end),
    }));
  const server = await createIscsiServer({
    hostname: "127.0.0.1",
    port: 0,
    directory: {
      find: (name) => (names.includes(name) ? { name, auth, open, ...redirect } : undefined),
      visible: ({ chapUser }) => (auth === "none" || chapUser !== undefined ? names : []),
      chapSecret: (user) => (auth !== "none" && auth.user === user ? auth.secret : undefined),
      chapMutual: () => (auth === "none" ? undefined : auth.mutual),
    },
    onEvent: (event) => {
      events.push(event);
      const at = waiting.findIndex(({ kind }) => kind === event.kind);
      if (at >= 0) waiting.splice(at, 1)[0]?.resolve(event);
    },
    // The initiator of the tests logs out when a test says so.
    limits: { logoutWaitMs: 20, ...options.limits },
  });
  return {
    server,
    port: server.port,
    device,
    events,
    ends,
    event: async (kind) => {
      const isOfKind = (event: IscsiEvent): event is Extract<IscsiEvent, { kind: typeof kind }> =>
        event.kind === kind;
      const past = events.find(isOfKind);
      if (past) return past;
      const event = await new Promise<IscsiEvent>((resolve) => waiting.push({ kind, resolve }));
      if (!isOfKind(event)) throw new Error("unreachable");
      return event;
    },
  };
}
