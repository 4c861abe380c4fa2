/**
 * One TCP connection: bytes in through the framer, first into the login machine, then into the session;
 * bytes out of the session's outbox. Nothing thrown here reaches another connection.
 *
 *   login --complete--> opening --opened--> open --logout, error, end--> closed
 *     \--------failed or too slow------------------------------------------/
 */
import { LoginReject, type SessionEnd } from "../directory.ts";
import { DEFAULT_MAX_RECV_DATA_BYTES, OUR_MAX_RECV_DATA_BYTES } from "../login/key-rows.ts";
import {
  type CompletedLogin,
  LoginMachine,
  type LoginReply,
  type LoginStep,
} from "../login/login-machine.ts";
import { plainAddress } from "../login/portal.ts";
import type { LoginStatus } from "../login/status.ts";
import { MAX_AHS_BYTES, padded } from "../pdu/basic-header.ts";
import type { DiscoveryView } from "../session/send-targets.ts";
import { ProtocolError } from "../wire/bytes.ts";
import { Framer } from "../wire/framer.ts";
import type { ConnectionHost, TcpSocket } from "./connection-host.ts";
import { InputFlow } from "./input-flow.ts";
import { LoginPhase } from "./login-phase.ts";
import { type Link, type Opened, openDiscovery, openNormal } from "./open-session.ts";
import { type Digests, Output } from "./output.ts";

/** How long a peer may take to read our last words before the connection is cut. */
const LINGER_MS = 2000;

interface Farewell {
  readonly end: SessionEnd;
  readonly why: string;
  /** The initiator has been asked to log out, and is given time for that. */
  readonly awaitsLogout: boolean;
}

export class Connection implements Link {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly #localPort: number;
  readonly #socket: TcpSocket;
  readonly #host: ConnectionHost;
  /** Until the session is open: it holds the whole of the negotiation. */
  #login: LoginPhase | undefined;
  readonly #framer: Framer;
  readonly #input: InputFlow;
  readonly #output: Output;
  #digests: Digests = { headerDigest: false, dataDigest: false };
  #opened: Opened | undefined;
  /** Nothing is taken or sent any more. */
  #isClosed = false;
  /** The socket is closed. */
  #isGone = false;
  #opening: Promise<void> | undefined;
  #ended: Promise<void> | undefined;
  /** Set once the session is to end as soon as everything has been done and said. */
  #farewell: Farewell | undefined;
  #deadlineMs: number;
  #heardMs: number;
  #heard = false;
  readonly #onFinished: (() => void)[] = [];

  constructor(socket: TcpSocket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.remoteAddress = plainAddress(socket.remoteAddress);
    this.remotePort = socket.remotePort;
    this.localAddress = plainAddress(socket.localAddress);
    this.#localPort = socket.localPort;
    const login = new LoginPhase(new LoginMachine(host), (step) => this.#takeStep(step));
    this.#framer = new Framer(login, DEFAULT_MAX_RECV_DATA_BYTES);
    this.#login = login;
    this.#output = new Output(socket, host.output);
    this.#heardMs = host.now();
    this.#deadlineMs = this.#heardMs + host.limits.loginTimeoutMs;
    this.#input = new InputFlow(socket, host.input, (bytes) => this.#take(bytes));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes from the peer. */
  push(chunk: Uint8Array): void {
    if (!this.#isClosed) this.#input.push(chunk);
  }

  #take(bytes: Uint8Array): void {
    this.#heard = true;
    try {
      this.#framer.push(bytes);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.wake();
  }

  /** Sends what there is to send, now that something has changed: the outbox, or the room in the socket. */
  wake(): void {
    const session = this.#opened?.session;
    if (this.#isClosed) return;
    if (!session) {
      this.#finishLoginAnswer();
      return;
    }
    try {
      if (this.#output.flush(session.outbox, this.#digests)) setImmediate(() => this.wake());
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#input.relieve(session.outbox.isCongested);
    if (this.#farewell && session.isQuiet && !this.#output.isBlocked) this.#part(this.#farewell);
  }

  /** Everything has been done and said. */
  #part({ end, why, awaitsLogout }: Farewell): void {
    if (awaitsLogout) {
      const { now, limits } = this.#host;
      this.#deadlineMs = Math.min(this.#deadlineMs, now() + limits.logoutWaitMs);
      return;
    }
    void this.#finish(end, why);
    this.#socket.end();
  }

  /** The last login response may have found the socket full. */
  #finishLoginAnswer(): void {
    this.#output.retry();
    if (this.#farewell && !this.#output.isBlocked) this.#socket.end();
  }

  /** The TCP connection is gone. */
  lost(why: string): void {
    this.#isGone = true;
    void this.close("drop", why);
  }

  /** Looks at the clock, about once a second. Tells whether anything has been heard since the last time. */
  tick(nowMs: number): boolean {
    const heard = this.#heard;
    if (heard) {
      this.#heard = false;
      this.#heardMs = nowMs;
    }
    if (this.#farewell && nowMs >= this.#deadlineMs) {
      void this.close(this.#farewell.end, this.#farewell.why);
    } else if (!this.#opened && !this.#isClosed && nowMs >= this.#deadlineMs) {
      this.#reportFailure("initiatorError", "The login was not finished in time.");
      void this.close("drop", "");
    } else if (this.#opened && nowMs - this.#heardMs >= this.#host.limits.pingIntervalMs) {
      this.#heardMs = nowMs;
      // Who is asked for the targets is done in a moment; an idle discovery session is one that was forgotten.
      if (this.#opened.session.isDiscovery) void this.close("drop", "The discovery session was idle.");
      else this.#opened.session.ping();
    }
    return heard;
  }

  /** Cuts the connection; resolves when the session's owner is done with it. */
  close(end: SessionEnd, why: string): Promise<void> {
    // In this order: Bun calls back that the socket is closed before `terminate` returns.
    const finished = this.#finish(end, why);
    if (!this.#isGone) this.#socket.terminate();
    return finished;
  }

  /**
   * Takes no new commands, and closes once those in flight are answered, or the grace is over. The initiator is told:
   * when the server stops it is asked to log out, after which initiators look for the server again by themselves.
   */
  retire(end: SessionEnd, why: string): Promise<void> {
    if (!this.#opened || this.#isClosed) return this.close(end, why);
    if (!this.#farewell) {
      const { session } = this.#opened;
      const { stopGraceMs, logoutWaitMs } = this.#host.limits;
      const awaitsLogout = end === "stopped" && !session.isDiscovery;
      this.#farewell = { end, why, awaitsLogout };
      this.#deadlineMs = this.#host.now() + stopGraceMs;
      session.close();
      if (awaitsLogout) session.requestLogout(logoutWaitMs);
      else if (end === "disconnected") session.announceDrop();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onFinished.push(resolve);
    this.wake();
    return promise;
  }

  #finish(end: SessionEnd, why: string): Promise<void> {
    if (this.#ended) return this.#ended;
    this.#isClosed = true;
    this.#input.close();
    this.#output.close();
    this.#ended = Promise.all([this.#opening, this.#opened?.finish(end, why)]).then(() => {
      for (const resolve of this.#onFinished) resolve();
    });
    return this.#ended;
  }

  #takeStep(step: LoginStep): void {
    switch (step.kind) {
      case "reply":
        this.#reply(step.reply);
        return;
      case "redirect":
        this.#sayLast(step.reply, "The initiator was sent elsewhere.");
        return;
      case "fail":
        this.#refuse(step.reply, step.status, step.reason);
        return;
      case "complete":
        this.#opening = this.#open(step.login);
        return;
    }
  }

  async #open(login: CompletedLogin): Promise<void> {
    try {
      const opened = await this.#openSession(login);
      if (this.#isClosed) {
        await opened.finish("drop", "The initiator hung up during its login.");
        return;
      }
      this.#begin(login, opened);
    } catch (error) {
      const rejected = error instanceof LoginReject;
      const status = rejected ? error.status : "outOfResources";
      const words = error instanceof Error ? error.message : String(error);
      this.#refuse(
        login.refuse(status),
        status,
        rejected ? words : `The target could not be opened: ${words}.`,
      );
    }
  }

  #openSession(login: CompletedLogin): Promise<Opened> | Opened {
    // What lives as long as the session holds these and not the login.
    const { target, chapUser } = login;
    const host = {
      wake: () => this.wake(),
      broken: (error: unknown) => this.#fail(error),
      loggedOut: () => this.#loggedOut(),
      targetReset: () => this.#resetTarget(target?.name ?? ""),
    };
    const view: DiscoveryView = {
      visible: () => this.#host.directory.visible(chapUser === undefined ? {} : { chapUser }),
      portal: () => this.#host.portal(this.localAddress, this.#localPort),
      ownTarget: target?.name,
    };
    if (!target) return openDiscovery(login, host, view, this.#host.registry);
    return openNormal({ ...login, target }, this, host, view, this.#host);
  }

  #begin(login: CompletedLogin, opened: Opened): void {
    this.#opened = opened;
    this.#reply(login.accept(opened.tsih));
    const { HeaderDigest, DataDigest } = login.parameters;
    this.#digests = { headerDigest: HeaderDigest === "CRC32C", dataDigest: DataDigest === "CRC32C" };
    this.#framer.headerDigest = this.#digests.headerDigest;
    this.#framer.dataDigest = this.#digests.dataDigest;
    this.#framer.maxDataBytes = OUR_MAX_RECV_DATA_BYTES;
    this.#framer.maxAhsBytes = MAX_AHS_BYTES;
    this.#framer.receiver = opened.session;
    this.#login = undefined;
    this.#input.widen();
  }

  /** Who was asked to go did not leave of its own will: an owner may forget what belongs to one that did. */
  #loggedOut(): void {
    const { end, why } = this.#farewell ?? { end: "logout", why: "The initiator logged out." };
    this.#sayFarewell(end, why);
  }

  #resetTarget(name: string): void {
    const why = "An initiator reset the target.";
    for (const { session, retire } of this.#host.registry.ofTarget(name))
      if (session !== this.#opened?.session) void retire("drop", why);
    this.#sayFarewell("drop", why);
  }

  #sayFarewell(end: SessionEnd, why: string): void {
    this.#farewell = { end, why, awaitsLogout: false };
    this.#deadlineMs = this.#host.now() + LINGER_MS;
  }

  #reply({ header, data }: LoginReply): void {
    const bytes = new Uint8Array(header.length + padded(data.length));
    bytes.set(header);
    bytes.set(data, header.length);
    this.#output.send(bytes);
  }

  #refuse(reply: LoginReply, status: LoginStatus, reason: string): void {
    this.#reportFailure(status, reason);
    if (!this.#isClosed) this.#sayLast(reply, reason);
  }

  #sayLast(reply: LoginReply, why: string): void {
    this.#reply(reply);
    this.#sayFarewell("drop", why);
    this.#finishLoginAnswer();
  }

  #reportFailure(status: LoginStatus, reason: string): void {
    const { targetName, initiatorName } = this.#login?.machine ?? {};
    const { remoteAddress } = this;
    this.#host.onEvent({ kind: "login-failed", remoteAddress, targetName, initiatorName, status, reason });
  }

  /** Something that only closing can answer. */
  #fail(error: unknown): void {
    if (this.#isClosed) return;
    const words = error instanceof Error ? error.message : String(error);
    const reason =
      error instanceof ProtocolError
        ? `The initiator broke the rules: ${words}.`
        : `The session failed in the target itself: ${words}.`;
    if (!this.#opened) this.#reportFailure("initiatorError", reason);
    void this.close("drop", reason);
  }
}
