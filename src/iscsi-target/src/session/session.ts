/**
 * One session (of one connection) in full feature phase: PDUs in, answers into the outbox. It knows neither sockets
 * nor timers; the connection pushes bytes through the framer into it and empties the outbox.
 */
import { COMMAND_WINDOW, type CompletedLogin } from "../login/login-machine.ts";
import type { Parameters } from "../login/key-rows.ts";
import { ASYNC_EVENT } from "../pdu/async-message.ts";
import { HEADER_BYTES, NO_TAG, REQUEST, isImmediate, opcodeOf } from "../pdu/basic-header.ts";
import { decodeDataOut } from "../pdu/data-out.ts";
import { LOGOUT_REASON, LOGOUT_RESPONSE, decodeLogoutRequest } from "../pdu/logout.ts";
import { decodeNopOut } from "../pdu/nop.ts";
import { REJECT_REASON } from "../pdu/reject.ts";
import { decodeScsiCommand } from "../pdu/scsi-command.ts";
import { TASK_FUNCTION, decodeTaskManagementRequest } from "../pdu/task-management.ts";
import { type TextRequest, decodeTextRequest } from "../pdu/text.ts";
import type { UnitSet } from "../scsi/execute.ts";
import { ProtocolError, getU32 } from "../wire/bytes.ts";
import type { PduReceiver } from "../wire/framer.ts";
import {
  type Numbers,
  asyncMessage,
  logoutResponse,
  nopEcho,
  nopPing,
  reject,
  taskManagementResponse,
  textResponse,
} from "./answers.ts";
import { type DataSink, IGNORED_DATA, WholeSegment } from "./data-sink.ts";
import { CommandWindow } from "./command-window.ts";
import type { DirtyBudget } from "./dirty-budget.ts";
import { Outbox, type Outgoing } from "./outbox.ts";
import type { DiscoveryView } from "./send-targets.ts";
import { type Peer, manageTasks } from "./task-management.ts";
import { TaskSet } from "./task-set.ts";
import { TextExchange } from "./text-exchange.ts";
import { WorkUnderWay } from "./work-under-way.ts";

/** What the session asks of its connection. */
export interface SessionHost {
  /** Something is in the outbox that was not there, or can go on now. */
  wake(): void;
  /** An error of our own that leaves this session without an answer. */
  broken(error: unknown): void;
  /** The initiator has logged out: close once the outbox is empty. */
  loggedOut(): void;
  /** A cold reset: every connection of the target is to be closed, this one once its outbox is empty. */
  targetReset(): void;
  /** Sessions of the same target, this one included. */
  peers(): Iterable<Peer>;
  /** Of the units that this session was given. */
  readonly dirty: DirtyBudget;
}

/** Commands outside the window (immediate ones) at once; a host uses them for task management, one at a time. */
const MAX_IMMEDIATE_COMMANDS = 32;
const CMD_SN_AT = 24;

export class Session implements PduReceiver, Numbers, Peer {
  readonly outbox = new Outbox();
  readonly tasks: TaskSet;
  readonly #host: SessionHost;
  readonly #parameters: Parameters;
  readonly #cid: number;
  readonly isDiscovery: boolean;
  readonly #units: UnitSet;
  readonly #window: CommandWindow;
  readonly #text: TextExchange;
  #statSn: number;
  #sink: DataSink = IGNORED_DATA;
  readonly #work: WorkUnderWay;
  #isClosing = false;
  #hasLoggedOut = false;
  #isPingOpen = false;
  #pings = 0;
  bytesRead = 0;
  bytesWritten = 0;

  constructor(host: SessionHost, login: CompletedLogin, units: UnitSet, view: DiscoveryView) {
    this.#host = host;
    this.#parameters = login.parameters;
    this.#cid = login.cid;
    this.isDiscovery = login.target === undefined;
    this.#units = units;
    this.#window = new CommandWindow(login.cmdSn, COMMAND_WINDOW);
    this.#statSn = login.nextStatSn;
    this.#text = new TextExchange(login.parameters, view);
    // After a failure of ours the connection cannot go on.
    this.#work = new WorkUnderWay(
      () => host.wake(),
      (error) => host.broken(error),
    );
    this.tasks = new TaskSet(
      {
        send: (outgoing) => this.#send(outgoing),
        track: (work) => this.#work.track(work),
        release: ({ command }) => {
          if (!command.immediate) this.#window.release();
        },
        countRead: (bytes) => (this.bytesRead += bytes),
        countWritten: (bytes) => (this.bytesWritten += bytes),
        nextStatSn: () => this.nextStatSn(),
        peekStatSn: () => this.peekStatSn(),
        window: () => this.window(),
        dirty: host.dirty,
      },
      login.parameters,
      units,
    );
  }

  nextStatSn(): number {
    const statSn = this.#statSn;
    this.#statSn = (statSn + 1) >>> 0;
    return statSn;
  }

  peekStatSn(): number {
    return this.#statSn;
  }

  window(): { expCmdSn: number; maxCmdSn: number } {
    return { expCmdSn: this.#window.expCmdSn, maxCmdSn: this.#window.maxCmdSn };
  }

  get units(): UnitSet {
    return this.#units;
  }

  /** No command is under way and everything has been said. */
  get isQuiet(): boolean {
    return this.tasks.size === 0 && this.outbox.isEmpty;
  }

  /** Takes no new command from now on: the initiator will repeat them on its next session. */
  close(): void {
    this.#isClosing = true;
  }

  /** Asks the initiator to log out within that time. It may still do so after `close`. */
  requestLogout(waitMs: number): void {
    const parameter3 = Math.ceil(waitMs / 1000);
    this.#send(asyncMessage(this, { event: ASYNC_EVENT.logoutRequest, parameter2: 0, parameter3 }));
  }

  /** Tells the initiator that the session is about to be dropped, and when it may come back. */
  announceDrop(): void {
    const { DefaultTime2Wait: parameter2 } = this.#parameters;
    this.#send(asyncMessage(this, { event: ASYNC_EVENT.droppingSession, parameter2, parameter3: 0 }));
  }

  /** A command that its initiator gave up before it came here. */
  forgo(cmdSn: number): boolean {
    return this.#window.forgo(cmdSn);
  }

  /** Drops every command without an answer; resolves when no device call is under way any more. */
  async end(): Promise<void> {
    this.close();
    this.tasks.abortAll();
    this.outbox.clear();
    await this.#work.done();
  }

  /** Pings the initiator, unless an earlier ping is unanswered: some never answer, and are alive all the same. */
  ping(): void {
    if (this.#isPingOpen || this.#isClosing || this.isDiscovery) return;
    this.#isPingOpen = true;
    this.#pings = (this.#pings % 0x7fffffff) + 1;
    this.#send(nopPing(this, this.#pings));
    this.#host.wake();
  }

  onHeader(header: Uint8Array): "whole" | "stream" {
    const opcode = opcodeOf(header);
    this.#sink = IGNORED_DATA;
    switch (opcode) {
      case REQUEST.scsiCommand:
        return this.#scsiCommand(header);
      case REQUEST.dataOut:
        return this.#dataOut(header);
      case REQUEST.nopOut:
        return this.#nopOut(header);
      case REQUEST.text:
        return this.#textRequest(header);
      case REQUEST.taskManagement:
        return this.#taskManagement(header);
      case REQUEST.logout:
        return this.#logout(header);
      case REQUEST.snack:
        // SNACK belongs to ErrorRecoveryLevel 1.
        return this.#reject(REJECT_REASON.snack, header);
      case REQUEST.login:
        return this.#reject(REJECT_REASON.protocolError, header);
      default:
        return this.#reject(REJECT_REASON.commandNotSupported, header);
    }
  }

  onData(bytes: Uint8Array, offset: number): void {
    this.#sink.data(bytes, offset);
  }

  onEnd(): void {
    this.#sink.end();
  }

  /** RFC 7143 section 7.8: the PDU is rejected; the command it belonged to fails, and the connection goes on. */
  onDataDigestError(header: Uint8Array): void {
    this.#reject(REJECT_REASON.dataDigest, header);
    this.#sink.lost();
  }

  #scsiCommand(header: Uint8Array): "stream" {
    const command = decodeScsiCommand(header);
    if (command.immediate && this.tasks.immediateCount >= MAX_IMMEDIATE_COMMANDS)
      return this.#reject(REJECT_REASON.tooManyImmediate, header);
    if (!this.#admit(header)) return "stream";
    const isInUse = this.tasks.has(command.taskTag);
    if (this.isDiscovery || isInUse) {
      if (!command.immediate) this.#window.release();
      return this.#reject(isInUse ? REJECT_REASON.taskInProgress : REJECT_REASON.protocolError, header);
    }
    this.#sink = this.tasks.start(command);
    return "stream";
  }

  #dataOut(header: Uint8Array): "stream" {
    const wrong = (reason: number): void => void this.#reject(reason, header);
    this.#sink = this.tasks.dataOut(decodeDataOut(header), wrong) ?? IGNORED_DATA;
    return "stream";
  }

  #nopOut(header: Uint8Array): "whole" {
    const { taskTag, transferTag } = decodeNopOut(header);
    if (transferTag !== NO_TAG) this.#isPingOpen = false;
    if (taskTag === NO_TAG || !this.#admitControl(header)) return "whole";
    // The echo may be shorter than the ping: the initiator's own segment limit comes first (section 11.19).
    const most = this.#parameters.MaxRecvDataSegmentLength;
    this.#sink = new WholeSegment((data) => {
      const echo = data.slice(0, most);
      this.#sendHolding(nopEcho(this, taskTag, echo), echo.length);
    });
    return "whole";
  }

  #textRequest(header: Uint8Array): "whole" {
    if (!this.#admitControl(header)) return "whole";
    const request = decodeTextRequest(header);
    const refused = header.slice(0, HEADER_BYTES);
    this.#sink = new WholeSegment((text) => this.#answerText(request, text, refused));
    return "whole";
  }

  #answerText(request: TextRequest, text: Uint8Array, refused: Uint8Array): void {
    try {
      const { data, ...answer } = this.#text.receive(request, text);
      const pdu = textResponse(this, { taskTag: request.taskTag, ...answer }, data);
      this.#sendHolding(pdu, data.length);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#reject(REJECT_REASON.protocolError, refused);
    }
  }

  #taskManagement(header: Uint8Array): "stream" {
    if (!this.#admitControl(header)) return "stream";
    // Section 4.3: a discovery session is there for discovery alone.
    if (this.isDiscovery) return this.#reject(REJECT_REASON.protocolError, header);
    const request = decodeTaskManagementRequest(header);
    const response = manageTasks(request, this, this.#host.peers());
    this.#send(taskManagementResponse(this, request.taskTag, response));
    if (request.function === TASK_FUNCTION.targetColdReset) this.#host.targetReset();
    return "stream";
  }

  #logout(header: Uint8Array): "stream" {
    // A session that is being closed takes nothing else any more, and this whatever its number.
    if (this.#hasLoggedOut || (!this.#isClosing && !this.#admitControl(header))) return "stream";
    const { reason, cid, taskTag } = decodeLogoutRequest(header);
    let response: number = LOGOUT_RESPONSE.closed;
    if (reason === LOGOUT_REASON.removeForRecovery) response = LOGOUT_RESPONSE.recoveryNotSupported;
    else if (reason === LOGOUT_REASON.closeConnection && cid !== this.#cid)
      response = LOGOUT_RESPONSE.cidNotFound;
    if (response === LOGOUT_RESPONSE.closed) {
      this.#isClosing = true;
      this.#hasLoggedOut = true;
      this.tasks.abortAll();
    }
    this.#send(logoutResponse(this, taskTag, response));
    if (response === LOGOUT_RESPONSE.closed) this.#host.loggedOut();
    return "stream";
  }

  /** Whether a command is to be taken, by its CmdSN. Throws ProtocolError when the numbering has a hole. */
  #admit(header: Uint8Array): boolean {
    if (this.#isClosing) return false;
    const verdict = this.#window.admit(getU32(header, CMD_SN_AT), isImmediate(header));
    if (verdict === "gap") throw new ProtocolError("a command's CmdSN is missing");
    return verdict === "take";
  }

  /** The same for requests that are answered on the spot. */
  #admitControl(header: Uint8Array): boolean {
    if (!this.#admit(header)) return false;
    if (!isImmediate(header)) this.#window.release();
    return true;
  }

  #reject(reason: number, header: Uint8Array): "stream" {
    this.#sendHolding(reject(this, reason, header), HEADER_BYTES);
    return "stream";
  }

  #send(outgoing: Outgoing): void {
    this.outbox.push(outgoing);
  }

  #sendHolding(outgoing: Outgoing, bytes: number): void {
    this.outbox.hold(bytes);
    const encode: Outgoing["encode"] = (batch) => {
      const state = outgoing.encode(batch);
      if (state === "done") this.outbox.hold(-bytes);
      return state;
    };
    this.#send({ encode });
  }
}
