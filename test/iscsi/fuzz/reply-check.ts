/** Everything that a target says in full feature phase, PDU by PDU against RFC 7143 and against what it was asked. */
import { crc32c } from "./crc.ts";
import { HEAD_BYTES, lengthsOf, padTo4 } from "./pdu-stream.ts";

const NO_TAG = 0xffffffff;

export interface Terms {
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  /** What the initiator declared as MaxRecvDataSegmentLength. */
  readonly maxDataBytes: number;
  readonly maxBurst: number;
  /** StatSN of the first answer. */
  readonly statSn: number;
}

interface Asked {
  count: number;
  /** Expected Data Transfer Length, the largest where the tag was used again. */
  expected: number;
  answered: number;
  dataSn: number;
  received: number;
}

export class ReplyCheck {
  readonly #terms: Terms;
  readonly #asked = new Map<number, Asked>();
  readonly #headers = new Set<string>();
  #statSn: number;
  #expCmdSn: number | undefined;

  constructor(terms: Terms) {
    this.#terms = terms;
    this.#statSn = terms.statSn;
  }

  /** What the initiator sends. */
  sent(head: Uint8Array): void {
    this.#headers.add(Buffer.from(head.subarray(0, HEAD_BYTES)).toString("hex"));
    if (((head[0] ?? 0) & 0x3f) !== 0x01) return;
    const view = new DataView(head.buffer, head.byteOffset);
    const tag = view.getUint32(16);
    const before = this.#asked.get(tag) ?? { count: 0, expected: 0, answered: 0, dataSn: 0, received: 0 };
    const expected = Math.max(before.expected, view.getUint32(20), bidirectionalLength(head));
    this.#asked.set(tag, { ...before, count: before.count + 1, expected });
  }

  /** Throws at the first thing that is wrong; a PDU that is not all there is waited for. */
  received(stream: Uint8Array): void {
    const { headerDigest, dataDigest, maxDataBytes } = this.#terms;
    let at = 0;
    while (stream.length - at >= HEAD_BYTES) {
      const head = stream.subarray(at, at + HEAD_BYTES);
      const { ahs, data } = lengthsOf(head);
      if (ahs > 0) throw new Error("an answer with an AHS");
      if (data > maxDataBytes)
        throw new Error(`a data segment of ${data} bytes to one who takes ${maxDataBytes}`);
      const dataAt = at + HEAD_BYTES + (headerDigest ? 4 : 0);
      const bodyEnd = dataAt + padTo4(data);
      const end = bodyEnd + (dataDigest && data > 0 ? 4 : 0);
      if (end > stream.length) return;
      checkDigest(headerDigest, head, stream.subarray(at + HEAD_BYTES, dataAt), "header");
      checkDigest(end > bodyEnd, stream.subarray(dataAt, bodyEnd), stream.subarray(bodyEnd, end), "data");
      this.#check(head, stream.subarray(dataAt, dataAt + data));
      at = end;
    }
  }

  #check(head: Uint8Array, data: Uint8Array): void {
    const view = new DataView(head.buffer, head.byteOffset);
    const opcode = view.getUint8(0);
    const tag = view.getUint32(16);
    const flags = view.getUint8(1);
    this.#checkNumbers(
      view,
      opcode,
      opcode === 0x25 ? (flags & 1) !== 0 : opcode !== 0x31 && !(opcode === 0x20 && tag === NO_TAG),
    );
    switch (opcode) {
      case 0x25:
        this.#dataIn(view, tag, data);
        return;
      case 0x21:
        this.#scsiResponse(view, tag, data);
        return;
      case 0x31:
        this.#readyToTransfer(view, tag);
        return;
      case 0x3f:
        if (!this.#headers.has(Buffer.from(data).toString("hex")))
          throw new Error("a Reject of what was never sent");
        return;
      case 0x20:
      case 0x22:
      case 0x24:
      case 0x26:
      case 0x32:
        return;
      default:
        throw new Error(`an answer of opcode ${opcode}`);
    }
  }

  /** StatSN goes up by one for each status, and the window never goes back. */
  #checkNumbers(view: DataView, opcode: number, isStatus: boolean): void {
    const statSn = view.getUint32(24);
    if (opcode !== 0x25 || isStatus) {
      if (statSn !== this.#statSn)
        throw new Error(`StatSN ${statSn} where ${this.#statSn} is next (opcode ${opcode})`);
      if (isStatus) this.#statSn = (statSn + 1) >>> 0;
    }
    const expCmdSn = view.getUint32(28);
    if (this.#expCmdSn !== undefined && (expCmdSn - this.#expCmdSn) >>> 0 > 1000)
      throw new Error("ExpCmdSN goes back");
    this.#expCmdSn = expCmdSn;
    if ((view.getUint32(32) - expCmdSn + 1) >>> 0 > 128)
      throw new Error("a window of more than 128 commands");
  }

  #taskOf(tag: number): Asked {
    const asked = this.#asked.get(tag);
    if (!asked) throw new Error(`an answer to task ${tag}, which was never sent`);
    return asked;
  }

  #answered(asked: Asked, tag: number): void {
    if (++asked.answered > asked.count) throw new Error(`task ${tag} is answered twice`);
    asked.dataSn = 0;
    asked.received = 0;
  }

  #dataIn(view: DataView, tag: number, data: Uint8Array): void {
    const asked = this.#taskOf(tag);
    // A tag used again after an abort begins anew.
    if (view.getUint32(36) === 0) {
      asked.dataSn = 0;
      asked.received = 0;
    }
    if (view.getUint32(36) !== asked.dataSn++) throw new Error("DataSN out of order");
    if (view.getUint32(40) !== asked.received) throw new Error("Data-In at the wrong offset");
    asked.received += data.length;
    if (asked.received > asked.expected) throw new Error("more data than expected");
    if (view.getUint8(1) & 1) {
      checkResidual(view);
      this.#answered(asked, tag);
    }
  }

  #scsiResponse(view: DataView, tag: number, data: Uint8Array): void {
    checkResidual(view);
    const status = view.getUint8(3);
    if (![0x00, 0x02, 0x18].includes(status)) throw new Error(`status ${status}`);
    if ((status === 2) !== data.length > 0)
      throw new Error("sense data, and no CHECK CONDITION, or the other way round");
    if (status === 2) {
      const length = (data[0] ?? 0) * 256 + (data[1] ?? 0);
      const code = (data[2] ?? 0) & 0x7f;
      if (length + 2 !== data.length || (code !== 0x70 && code !== 0x72))
        throw new Error("malformed sense data");
    }
    this.#answered(this.#taskOf(tag), tag);
  }

  #readyToTransfer(view: DataView, tag: number): void {
    const [offset, length] = [view.getUint32(40), view.getUint32(44)];
    if (length === 0 || length > this.#terms.maxBurst) throw new Error(`R2T for ${length} bytes`);
    if (offset + length > this.#taskOf(tag).expected) throw new Error("R2T beyond the expected length");
    if (view.getUint32(20) === NO_TAG) throw new Error("R2T without a tag");
  }
}

function checkDigest(isDue: boolean, bytes: Uint8Array, digest: Uint8Array, what: string): void {
  if (isDue && Buffer.compare(crc32c(bytes), digest) !== 0) throw new Error(`the ${what} digest is wrong`);
}

/** Underflow and overflow exclude each other, and have a count. */
function checkResidual(view: DataView): void {
  const bits = view.getUint8(1) & 0x06;
  if (bits === 0x06) throw new Error("underflow and overflow at once");
  if ((bits !== 0) !== view.getUint32(44) > 0)
    throw new Error("a residual without its bit, or the other way round");
}

/** Section 11.2.2.4: the AHS with the read half's length. */
function bidirectionalLength(head: Uint8Array): number {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  for (let at = HEAD_BYTES; at + 8 <= head.length; at += 4 * Math.ceil((3 + view.getUint16(at)) / 4))
    if (view.getUint8(at + 2) === 2) return view.getUint32(at + 4);
  return 0;
}
