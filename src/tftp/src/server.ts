/** The server: listeners, admission, and one job for each request. */
import type { Endpoint, TftpEvent, TftpLimits, TftpRequest, TftpServer, TftpServerOptions } from "./api.ts";
import { TftpError } from "./codec/error-code.ts";
import { decodePacket, encodePacket, type OptionList, type RequestPacket } from "./codec/packet.ts";
import { checkPath } from "./codec/path.ts";
import { DEFAULT_LIMITS, MAX_REQUEST_BYTES, MAX_SAME_REQUESTS } from "./limits.ts";
import { Job } from "./server/job.ts";
import { Listeners, type Local, ownAddresses } from "./server/listeners.ts";
import { PacketPool } from "./transfer/packet-pool.ts";

/** The port of RFC 1350. */
const TFTP_PORT = 69;

/**
 * Listens and serves until `close()`.
 * Rejects with the system's error (`.code` EADDRINUSE, EACCES ...) when a listener cannot be had at the start.
 */
export async function createTftpServer(options: TftpServerOptions): Promise<TftpServer> {
  const server = new Server(options);
  await server.listeners.open();
  return {
    get port() {
      return server.listeners.port;
    },
    get addresses() {
      return server.listeners.addresses;
    },
    get transfers() {
      return server.transfers;
    },
    close: () => server.close(),
  };
}

class Server {
  readonly listeners: Listeners;
  readonly #options: TftpServerOptions;
  readonly #limits: TftpLimits;
  readonly #pool = new PacketPool();
  readonly #jobs = new Set<Job>();
  /** Client address and port, and our address -> its jobs, the newest last. */
  readonly #byPort = new Map<string, Job[]>();
  readonly #perClient = new Map<string, number>();
  #lastId = 0;

  constructor(options: TftpServerOptions) {
    // A socket on 0.0.0.0 could not tell which address was asked, so "any" means each one.
    const hostname = options.hostname === "0.0.0.0" ? undefined : options.hostname;
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.listeners = new Listeners({
      addresses: options.addresses ?? (hostname === undefined ? ownAddresses : () => [hostname]),
      port: options.port ?? TFTP_PORT,
      onPacket: (bytes, client, local) => this.#received(bytes, client, local),
      onChange: (addresses) => this.#emit({ kind: "listening", addresses, port: this.listeners.port }),
      onError: (address, message) => this.#emit({ kind: "listener-error", address, message }),
    });
  }

  get transfers(): number {
    return this.#jobs.size;
  }

  close(): void {
    for (const job of this.#jobs) job.stop();
    this.listeners.close();
  }

  #emit(event: TftpEvent): void {
    this.#options.onEvent?.(event);
  }

  #received(bytes: Uint8Array, client: Endpoint, local: Local): void {
    try {
      const request = readRequest(bytes);
      if (request) this.#requested(request, client, local);
    } catch (error) {
      if (!(error instanceof TftpError)) throw error;
      answerError(error, client, local);
      const { code, message } = error;
      this.#emit({ kind: "refused", client, localAddress: local.address, code, message });
    }
  }

  #requested(packet: ReadRequest, client: Endpoint, local: Local): void {
    const { path, mode, options: asked } = packet;
    const request = { path, mode, client, localAddress: local.address };
    const key = `${client.address} ${client.port} ${local.address}`;
    const earlier = this.#byPort.get(key) ?? [];

    if (earlier.some((job) => job.isOpening && job.asksSame(request, asked))) return;
    for (const job of abandonedBy(earlier, request, asked)) job.supersede();
    this.#admit(client);

    const job = new Job({
      id: ++this.#lastId,
      request,
      asked,
      local,
      open: (request) => this.#options.open(request),
      pool: this.#pool,
      limits: this.#limits,
      emit: (event) => this.#emit(event),
      answerError: (error) => answerError(error, client, local),
      onAnswered: () => {
        for (const other of this.#byPort.get(key) ?? []) if (other !== job) other.supersede();
      },
      onGone: () => this.#remove(job, key),
    });
    this.#jobs.add(job);
    this.#byPort.set(key, [...(this.#byPort.get(key) ?? []), job]);
    this.#perClient.set(client.address, (this.#perClient.get(client.address) ?? 0) + 1);
    void job.run();
  }

  #admit(client: Endpoint): void {
    const { transfers, transfersPerClient } = this.#limits;
    if (this.#jobs.size >= transfers)
      throw new TftpError("not-defined", `busy: ${transfers} transfers are running; try again`);
    if ((this.#perClient.get(client.address) ?? 0) >= transfersPerClient)
      throw new TftpError(
        "not-defined",
        `busy: ${transfersPerClient} transfers of yours are running; try again`,
      );
  }

  #remove(job: Job, key: string): void {
    this.#jobs.delete(job);
    const left = (this.#byPort.get(key) ?? []).filter((other) => other !== job);
    if (left.length > 0) this.#byPort.set(key, left);
    else this.#byPort.delete(key);
    const { address } = job.client;
    const count = (this.#perClient.get(address) ?? 1) - 1;
    if (count > 0) this.#perClient.set(address, count);
    else this.#perClient.delete(address);
  }
}

/**
 * Which earlier jobs of a client's port a new request ends at once.
 *
 * Not one that the client has acknowledged: the request may be an old copy that strayed through the network.
 * Not one for the same file either: the client may be about to acknowledge it. (And an ERROR may be on its way to
 * it: a Pi ends a probe and asks for the file 0.2 ms later, from the same port.) They go on side by side, each from
 * a port of its own, until the client acknowledges one. But one for another file is what it no longer wants.
 */
function abandonedBy(earlier: readonly Job[], request: TftpRequest, asked: OptionList): readonly Job[] {
  const open = earlier.filter((job) => !job.answered);
  const same = open.filter((job) => job.asksSame(request, asked));
  const others = open.filter((job) => !same.includes(job));
  return [...others, ...same.slice(0, Math.max(0, same.length + 1 - MAX_SAME_REQUESTS))];
}

type ReadRequest = RequestPacket & { readonly mode: "octet" | "netascii" };

/**
 * Reads a packet of the request port. Throws the `TftpError` to answer with.
 * Returns undefined for an ERROR, which is never answered, or two servers could quarrel for ever.
 */
function readRequest(bytes: Uint8Array): ReadRequest | undefined {
  if (bytes.length > MAX_REQUEST_BYTES)
    throw new TftpError("illegal-operation", `a request of ${bytes.length} bytes is too long`);
  const packet = decodePacket(bytes);
  switch (packet.op) {
    case "rrq": {
      const { mode } = packet;
      if (mode === "mail") throw new TftpError("illegal-operation", "mail is not delivered here");
      if (mode !== "octet" && mode !== "netascii")
        throw new TftpError("illegal-operation", `unknown mode ${mode}`);
      checkPath(packet.path);
      return { ...packet, mode };
    }
    case "wrq":
      throw new TftpError("access-violation", "this server is read-only");
    case "error":
      return undefined;
    case "data":
    case "ack":
    case "oack":
      throw new TftpError("unknown-transfer-id", "no transfer goes on at this port");
  }
}

function answerError({ code, message }: TftpError, client: Endpoint, local: Local): void {
  local.answer(encodePacket({ op: "error", code, message }), client);
}
