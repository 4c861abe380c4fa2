import type { TargetDirectory } from "./directory.ts";
import type { IscsiEvent, SessionInfo } from "./events.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "./limits.ts";
import type { ConnectionHost } from "./net/connection-host.ts";
import { Connection } from "./net/connection.ts";
import { plainAddress, portalOf } from "./login/portal.ts";
import { SessionRegistry } from "./net/session-registry.ts";
import { SharedInput } from "./net/shared-input.ts";
import { Batch } from "./session/batch.ts";

export interface IscsiServerOptions {
  readonly directory: TargetDirectory;
  /** Address to listen on; "0.0.0.0" for all of IPv4. */
  readonly hostname: string;
  /** 3260 is the registered port; 0 takes any. */
  readonly port: number;
  readonly onEvent?: (event: IscsiEvent) => void;
  /**
   * The portal told to initiators by SendTargets, as `host:port`. By default the address that the
   * initiator itself reached, which is the one it can reach again.
   */
  readonly portalAddress?: (local: { readonly address: string; readonly port: number }) => string;
  readonly limits?: Partial<ServerLimits>;
}

export interface IscsiServer {
  readonly address: string;
  readonly port: number;
  /** The normal sessions at this moment, oldest first. */
  sessions(): readonly SessionInfo[];
  /** Ends every session of a target, in-flight commands first (the initiators are told); resolves with their number once `closed` has run for each. */
  disconnect(targetName: string): Promise<number>;
  /** Takes no more connections, finishes the commands in flight, has initiators log out, ends every session and resolves when all units are closed. */
  stop(): Promise<void>;
}

interface SocketData {
  connection: Connection | undefined;
}

/** How often clocks are looked at: login timeouts, pings, graces. */
const TICK_MS = 1000;
/** A login leaves more memory behind than its session keeps; after that many it is collected, beside our own work. */
const LOGINS_PER_COLLECTION = 16;
/** Dead peers are found by the system even when nothing is said: `TCP_KEEPIDLE`. */
const KEEP_ALIVE_MS = 60_000;

const now = (): number => performance.now();

/** Listens; rejects with the system's error (EADDRINUSE, EACCES, ...) when that is not possible. */
export async function createIscsiServer(options: IscsiServerOptions): Promise<IscsiServer> {
  const limits: ServerLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const registry = new SessionRegistry();
  const connections = new Set<Connection>();
  let isStopping = false;
  let arrived = 0;
  const host: ConnectionHost = {
    directory: options.directory,
    limits,
    registry,
    input: new SharedInput(now),
    output: { batch: new Batch(), tailBytes: 0 },
    onEvent: options.onEvent ?? (() => undefined),
    portal: (address, port) => options.portalAddress?.({ address, port }) ?? portalOf(address, port),
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    now,
  };

  const isFull = (address: string): boolean => {
    if (connections.size >= limits.maxConnections) return true;
    let same = 0;
    for (const { remoteAddress } of connections) if (remoteAddress === address) same++;
    return same >= limits.maxConnectionsPerAddress;
  };

  const forget = (connection: Connection, why: string): void => {
    connections.delete(connection);
    connection.lost(why);
  };

  const listener = Bun.listen<SocketData>({
    hostname: options.hostname,
    port: options.port,
    socket: {
      binaryType: "uint8array",
      open(socket) {
        socket.data = { connection: undefined };
        if (isStopping || isFull(plainAddress(socket.remoteAddress))) {
          socket.terminate();
          return;
        }
        socket.setNoDelay(true);
        socket.setKeepAlive(true, KEEP_ALIVE_MS);
        const connection = new Connection(socket, host);
        socket.data.connection = connection;
        connections.add(connection);
        if (++arrived % LOGINS_PER_COLLECTION === 0) Bun.gc(false);
      },
      data(socket, chunk) {
        socket.data.connection?.push(chunk);
      },
      drain(socket) {
        socket.data.connection?.wake();
      },
      close(socket, error) {
        const { connection } = socket.data;
        if (connection) forget(connection, closingWords(error));
      },
      // Bun leaves a socket open after an exception in one of these callbacks.
      error(socket, error) {
        socket.terminate();
        const { connection } = socket.data;
        if (connection) forget(connection, `The session failed in the target itself: ${error.message}.`);
      },
    },
  });

  const ticker = setInterval(
    () => {
      const nowMs = now();
      let isQuiet = true;
      for (const connection of connections) if (connection.tick(nowMs)) isQuiet = false;
      if (!isQuiet || arrived < LOGINS_PER_COLLECTION) return;
      // Idle sessions make no garbage, so nothing else would ever have it collected. Nobody waits for us now.
      arrived = 0;
      Bun.gc(true);
    },
    Math.min(TICK_MS, limits.loginTimeoutMs / 2, limits.stopGraceMs / 2, limits.logoutWaitMs / 2),
  );
  ticker.unref();

  return {
    address: listener.hostname,
    port: listener.port,
    sessions: () =>
      registry
        .all()
        .filter(({ isEnding }) => !isEnding)
        .map(({ info }) => info),
    async disconnect(targetName) {
      const open = registry.ofTarget(targetName.toLowerCase());
      await Promise.all(
        open.map((session) => session.retire("disconnected", "The session was disconnected.")),
      );
      return open.length;
    },
    async stop() {
      isStopping = true;
      listener.stop(false);
      await Promise.all(
        [...connections].map((connection) => connection.retire("stopped", "The server stops.")),
      );
      await Promise.all(registry.all().map((session) => session.end("stopped", "The server stops.")));
      clearInterval(ticker);
      listener.stop(true);
    },
  };
}

function closingWords(error: Error | undefined): string {
  return error
    ? `The connection broke: ${error.message}.`
    : "The initiator closed the connection without a logout.";
}
