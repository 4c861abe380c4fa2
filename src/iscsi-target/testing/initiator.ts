/** A small initiator for tests: strict about what it receives, free in what it sends. */
import { chapResponse, decodeBinary, encodeBinary, CHAP_ALGORITHMS } from "../src/login/chap.ts";
import { type TextKey, decodeTextKeys, encodeTextKeys } from "../src/login/text-keys.ts";
import { NO_TAG, RESPONSE, opcodeOf, padded } from "../src/pdu/basic-header.ts";
import { decodeDataIn } from "../src/pdu/data-in.ts";
import { encodeDataOut } from "../src/pdu/data-out.ts";
import { type LoginResponse, STAGE, decodeLoginResponse, encodeLoginRequest } from "../src/pdu/login.ts";
import { encodeLogoutRequest } from "../src/pdu/logout.ts";
import { type R2t, decodeR2t } from "../src/pdu/r2t.ts";
import { encodeScsiCommand } from "../src/pdu/scsi-command.ts";
import { NO_RESIDUAL, type Residual, decodeScsiResponse } from "../src/pdu/scsi-response.ts";
import { getU32, setU32 } from "../src/wire/bytes.ts";
import { setDigest } from "../src/wire/crc32c.ts";
import { Framer } from "../src/wire/framer.ts";

export interface Pdu {
  readonly opcode: number;
  readonly header: Uint8Array;
  readonly data: Uint8Array;
}

export interface CommandResult {
  readonly status: number;
  readonly sense: Uint8Array;
  readonly data: Uint8Array;
  readonly residual: Residual;
  readonly bidiReadResidual: Residual;
  readonly r2ts: number;
  readonly dataIns: number;
}

export interface LoginOptions {
  readonly target?: string;
  readonly initiatorName?: string;
  readonly isid?: string;
  readonly tsih?: number;
  readonly chap?: {
    readonly user: string;
    readonly secret: string;
    readonly algorithms?: string;
    readonly base64?: boolean;
  };
  /** Operational keys in place of the usual ones. */
  readonly keys?: readonly TextKey[];
}

export interface CommandOptions {
  readonly lun?: number;
  readonly read?: boolean;
  readonly write?: boolean;
  readonly expectedLength?: number;
  readonly bidiReadLength?: number;
  /** Data for Data-Out; how much of it goes unsolicited is negotiated, or said here. */
  readonly data?: Uint8Array;
  readonly immediateLength?: number;
  readonly unsolicitedLength?: number;
  readonly immediate?: boolean;
  readonly segmentBytes?: number;
  /** Answers R2Ts in place of the right answer. */
  readonly onR2t?: (r2t: R2t) => void;
}

const LARGE = 16 * 1024 * 1024;

export class Initiator {
  readonly keys = new Map<string, string>();
  cmdSn = 1;
  tsih = 0;
  #socket: Bun.Socket | undefined;
  readonly #framer: Framer;
  readonly #pdus: Pdu[] = [];
  readonly #waiting: ((pdu: Pdu | undefined) => void)[] = [];
  readonly #tasks = new Map<number, (pdu: Pdu) => void>();
  readonly #unsent: Uint8Array[] = [];
  #expStatSn = 0;
  #taskTag = 0;
  #header: Uint8Array = new Uint8Array(0);
  #data: Uint8Array = new Uint8Array(0);
  readonly closed: Promise<void>;
  #onClosed: () => void = () => undefined;
  #isClosed = false;

  private constructor() {
    this.closed = new Promise((resolve) => (this.#onClosed = resolve));
    this.#framer = new Framer(
      {
        onHeader: (header) => {
          this.#header = header.slice();
          this.#data = new Uint8Array(0);
          return "whole";
        },
        onData: (bytes) => void (this.#data = bytes.slice()),
        onEnd: () =>
          this.#arrived({ opcode: opcodeOf(this.#header), header: this.#header, data: this.#data }),
        onDataDigestError: () => {
          throw new Error("a data digest of the target is wrong");
        },
      },
      LARGE,
    );
  }

  /** Opens the TCP connection, nothing more. */
  static async dial(port: number): Promise<Initiator> {
    const initiator = new Initiator();
    initiator.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        binaryType: "uint8array",
        data: (_socket, chunk) => initiator.#framer.push(chunk),
        drain: () => initiator.#sendMore(),
        close: () => initiator.#lost(),
        error: (socket) => socket.terminate(),
      },
    });
    return initiator;
  }

  /** Dials and logs in; throws with the status when that is refused. */
  static async login(port: number, options: LoginOptions = {}): Promise<Initiator> {
    const initiator = await Initiator.dial(port);
    const { status } = await initiator.logIn(options);
    if (status !== 0) throw new Error(`login refused with 0x${status.toString(16)}`);
    return initiator;
  }

  async logIn(options: LoginOptions = {}): Promise<LoginResponse> {
    const { target, chap } = options;
    const names: TextKey[] = [["InitiatorName", options.initiatorName ?? "iqn.2026-01.test:initiator"]];
    if (target === undefined) names.push(["SessionType", "Discovery"]);
    else names.push(["SessionType", "Normal"], ["TargetName", target]);
    let step = await this.exchange(
      [...names, ["AuthMethod", chap ? "CHAP,None" : "None"]],
      STAGE.security,
      options,
    );
    if (step.status === 0 && this.keys.get("AuthMethod") === "CHAP" && chap) {
      step = await this.exchange([["CHAP_A", chap.algorithms ?? "5"]], STAGE.security, options, false);
      if (step.status !== 0) return step;
      const proof = this.proof(chap.secret);
      const answer = chap.base64 ? `0b${proof.toBase64()}` : encodeBinary(proof);
      step = await this.exchange(
        [
          ["CHAP_N", chap.user],
          ["CHAP_R", answer],
        ],
        STAGE.security,
        options,
      );
    }
    if (step.status !== 0) return step;
    const keys = options.keys ?? [
      ["HeaderDigest", "None"],
      ["DataDigest", "None"],
      ["InitialR2T", "No"],
      ["ImmediateData", "Yes"],
      ["MaxRecvDataSegmentLength", "262144"],
    ];
    step = await this.exchange(keys, STAGE.operational, options);
    this.tsih = step.tsih;
    this.#framer.headerDigest = this.keys.get("HeaderDigest") === "CRC32C";
    this.#framer.dataDigest = this.keys.get("DataDigest") === "CRC32C";
    return step;
  }

  /** The answer to the challenge that the target has sent. */
  proof(secret: string): Uint8Array {
    const algorithm = CHAP_ALGORITHMS.find(({ number }) => String(number) === this.keys.get("CHAP_A"));
    if (!algorithm) throw new Error("the target chose no CHAP algorithm");
    const challenge = decodeBinary(this.keys.get("CHAP_C") ?? "");
    return chapResponse({ algorithm, identifier: Number(this.keys.get("CHAP_I")), challenge }, secret);
  }

  /** One login request and its answer. `transit` asks for the next stage. */
  async exchange(
    keys: readonly TextKey[],
    stage: number,
    options: LoginOptions = {},
    transit = true,
  ): Promise<LoginResponse> {
    const data = encodeTextKeys(keys);
    const header = encodeLoginRequest({
      transit,
      continues: false,
      currentStage: stage,
      nextStage: stage === STAGE.security ? STAGE.operational : STAGE.fullFeature,
      versionMax: 0,
      versionMin: 0,
      isid: options.isid ?? "023d00000001",
      tsih: options.tsih ?? 0,
      taskTag: 0,
      cid: 0,
      cmdSn: this.cmdSn,
      expStatSn: this.#expStatSn,
      dataLength: data.length,
    });
    this.send(header, data);
    const pdu = await this.next();
    const response = decodeLoginResponse(pdu.header);
    for (const [key, value] of decodeTextKeys(pdu.data)) this.keys.set(key, value);
    return response;
  }

  /** Sends one PDU. */
  send(header: Uint8Array, data: Uint8Array = new Uint8Array(0)): void {
    const { headerDigest, dataDigest } = this.#framer;
    const body = data.length === 0 ? 0 : padded(data.length) + (dataDigest ? 4 : 0);
    const dataAt = header.length + (headerDigest ? 4 : 0);
    const bytes = new Uint8Array(dataAt + body);
    bytes.set(header);
    if (headerDigest) setDigest(bytes, header.length, 0, header.length);
    bytes.set(data, dataAt);
    if (dataDigest && body > 0)
      setDigest(bytes, dataAt + padded(data.length), dataAt, dataAt + padded(data.length));
    this.raw(bytes);
  }

  /** Sends bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#unsent.push(bytes);
    if (this.#unsent.length === 1) this.#sendMore();
  }

  /** The next PDU that belongs to no command under way. Throws when the connection is closed instead. */
  async next(): Promise<Pdu> {
    const pdu = this.#pdus.shift() ?? (await this.#nextArrival());
    if (!pdu) throw new Error("the target closed the connection");
    return pdu;
  }

  /** Runs a SCSI command to its status, feeding R2Ts on the way. */
  command(cdb: readonly number[] | Uint8Array, options: CommandOptions = {}): Promise<CommandResult> {
    const data = options.data ?? new Uint8Array(0);
    const taskTag = this.nextTaskTag();
    const expectedLength = options.expectedLength ?? data.length;
    const segment = options.segmentBytes ?? 65536;
    const firstBurst = Math.min(Number(this.keys.get("FirstBurstLength") ?? 65536), data.length);
    const immediate = this.keys.get("ImmediateData") === "No" ? 0 : Math.min(firstBurst, segment);
    const immediateLength = options.immediateLength ?? immediate;
    const unsolicitedEnd = immediateLength + (options.unsolicitedLength ?? 0);
    const bytes = new Uint8Array(16);
    bytes.set(cdb);
    const write = options.write ?? data.length > 0;
    const header = encodeScsiCommand({
      immediate: options.immediate ?? false,
      final: unsolicitedEnd === immediateLength,
      read: options.read ?? (!write && expectedLength > 0),
      write,
      attribute: 1,
      lun: options.lun ?? 0,
      taskTag,
      expectedLength,
      bidiReadLength: options.bidiReadLength,
      cmdSn: this.cmdSn,
      expStatSn: this.#expStatSn,
      cdb: bytes,
      immediateLength,
    });
    if (!options.immediate) this.cmdSn++;
    const result = this.#collect(taskTag, data, segment, options.onR2t);
    this.send(header, data.subarray(0, immediateLength));
    if (unsolicitedEnd > immediateLength)
      this.#sendData(taskTag, NO_TAG, data, immediateLength, unsolicitedEnd, segment);
    return result;
  }

  nextTaskTag(): number {
    return ++this.#taskTag;
  }

  get expStatSn(): number {
    return this.#expStatSn;
  }

  async logout(): Promise<void> {
    const { cmdSn } = this;
    this.send(
      encodeLogoutRequest({
        immediate: true,
        reason: 0,
        taskTag: this.nextTaskTag(),
        cid: 0,
        cmdSn,
        expStatSn: 0,
      }),
    );
    await this.next();
    await this.closed;
  }

  /** Stops reading, as a peer does that hangs with its connection open. */
  stopReading(): void {
    this.#socket?.pause();
  }

  readAgain(): void {
    this.#socket?.resume();
  }

  /** Cuts the connection without a word. */
  cut(): void {
    this.#socket?.terminate();
  }

  #collect(
    taskTag: number,
    data: Uint8Array,
    segment: number,
    onR2t?: (r2t: R2t) => void,
  ): Promise<CommandResult> {
    const pieces: Uint8Array[] = [];
    let received = 0;
    let r2ts = 0;
    let expectedSn = 0;
    const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
    const finish = (
      status: number,
      sense: Uint8Array,
      residual: Residual,
      bidiReadResidual: Residual,
    ): void => {
      this.#tasks.delete(taskTag);
      resolve({
        status,
        sense,
        residual,
        bidiReadResidual,
        r2ts,
        dataIns: pieces.length,
        data: Buffer.concat(pieces),
      });
    };
    this.#tasks.set(taskTag, ({ opcode, header, data: segmentData }) => {
      if (opcode === RESPONSE.dataIn) {
        const dataIn = decodeDataIn(header);
        if (dataIn.dataSn !== expectedSn++ || dataIn.bufferOffset !== received)
          reject(new Error(`Data-In ${dataIn.dataSn} at ${dataIn.bufferOffset} is out of order`));
        pieces.push(segmentData);
        received += segmentData.length;
        if (dataIn.status) finish(0, new Uint8Array(0), dataIn.status.residual, NO_RESIDUAL);
      } else if (opcode === RESPONSE.r2t) {
        const r2t = decodeR2t(header);
        const { transferTag, bufferOffset, desiredLength } = r2t;
        r2ts++;
        if (onR2t) onR2t(r2t);
        else this.#sendData(taskTag, transferTag, data, bufferOffset, bufferOffset + desiredLength, segment);
      } else if (opcode === RESPONSE.scsiResponse) {
        const response = decodeScsiResponse(header, segmentData);
        finish(response.status, response.sense, response.residual, response.bidiReadResidual);
      } else reject(new Error(`opcode ${opcode} in the middle of a command`));
    });
    return promise;
  }

  #sendData(
    taskTag: number,
    transferTag: number,
    data: Uint8Array,
    from: number,
    to: number,
    segment: number,
  ): void {
    let dataSn = 0;
    for (let at = from; at < to; at += segment) {
      const piece = data.subarray(at, Math.min(at + segment, to));
      const header = encodeDataOut({
        final: at + segment >= to,
        taskTag,
        transferTag,
        expStatSn: this.#expStatSn,
        dataSn: dataSn++,
        bufferOffset: at,
        dataLength: piece.length,
      });
      this.send(header, piece);
    }
  }

  #arrived(pdu: Pdu): void {
    if (pdu.opcode !== RESPONSE.r2t && pdu.opcode !== RESPONSE.dataIn)
      this.#expStatSn = (getU32(pdu.header, 24) + 1) >>> 0;
    const task = this.#tasks.get(getU32(pdu.header, 16));
    const isOfTask =
      pdu.opcode === RESPONSE.dataIn || pdu.opcode === RESPONSE.r2t || pdu.opcode === RESPONSE.scsiResponse;
    if (task && isOfTask) task(pdu);
    else {
      const waiting = this.#waiting.shift();
      if (waiting) waiting(pdu);
      else this.#pdus.push(pdu);
    }
  }

  #nextArrival(): Promise<Pdu | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #sendMore(): void {
    for (;;) {
      const first = this.#unsent[0];
      if (!first) return;
      const taken = Math.max(0, this.#socket?.write(first) ?? 0);
      if (taken < first.length) {
        this.#unsent[0] = first.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
  }

  #lost(): void {
    this.#isClosed = true;
    for (const waiting of this.#waiting.splice(0)) waiting(undefined);
    this.#onClosed();
  }
}

/** READ(16) and WRITE(16) CDBs. */
export function cdb16(opcode: number, lba: number, blocks: number, flags = 0): Uint8Array {
  const cdb = new Uint8Array(16);
  cdb[0] = opcode;
  cdb[1] = flags;
  setU32(cdb, 2, Math.floor(lba / 0x1_0000_0000));
  setU32(cdb, 6, lba % 0x1_0000_0000);
  setU32(cdb, 10, blocks);
  return cdb;
}

export const READ_16 = 0x88;
export const WRITE_16 = 0x8a;
