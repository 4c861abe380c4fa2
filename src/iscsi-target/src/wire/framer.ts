/**
 * Cuts the byte stream of one connection into PDUs, in place wherever a chunk holds the whole of what is due.
 *
 *   head: BHS, AHS, [header digest] -> body: data, padding, [data digest] -> head: ...
 *
 * A body is handed over in one piece when it lies in one chunk, when the receiver asked for that ("whole"),
 * when its digest must be checked before anything is believed, or when it is short. Long bodies are streamed
 * in multiples of STREAM_ALIGN bytes, so that a disk underneath is not written in odd fragments.
 */
import { DIGEST_BYTES, HEADER_BYTES, MAX_AHS_BYTES, dataLengthOf, padded } from "../pdu/basic-header.ts";
import { ProtocolError, getU24, getU8 } from "./bytes.ts";
import { hasDigest } from "./crc32c.ts";

export interface PduReceiver {
  /** BHS and AHS, valid during the call only. The answer says how the body is wanted. */
  onHeader(header: Uint8Array): "whole" | "stream";
  /** The next piece of the body; pieces come in order. `bytes` may be kept only by copying. */
  onData(bytes: Uint8Array, offset: number): void;
  /** The PDU is complete. */
  onEnd(): void;
  /** The body does not match its digest and was not handed over; `onEnd` is not called. */
  onDataDigestError(header: Uint8Array): void;
}

const AHS_LENGTH_AT = 4;
const DATA_LENGTH_AT = 5;
const STREAM_ALIGN = 4096;
/** Bodies up to this size are gathered when a chunk boundary cuts them: one copy is cheaper than a second disk write. */
const GATHER_BYTES = 64 * 1024;

export class Framer {
  headerDigest = false;
  dataDigest = false;
  /** What we declared as MaxRecvDataSegmentLength: a longer data segment ends the connection. */
  maxDataBytes: number;
  /** Login requests have no AHS; SCSI commands may have any that the length field can tell. */
  maxAhsBytes = 0;

  /** Who gets the PDUs; it changes when the login is over. */
  receiver: PduReceiver;

  #head: Uint8Array | undefined;
  #headFilled = 0;
  #body: Uint8Array | undefined;
  #bodyFilled = 0;
  #inBody = false;
  #dataLength = 0;
  /** Data, padding and digest. */
  #bodyLength = 0;
  #wanted: "whole" | "stream" = "whole";
  #carry: Uint8Array | undefined;
  #carried = 0;
  /** Kept for a digest error's Reject. */
  #lastHeader: Uint8Array | undefined;

  constructor(receiver: PduReceiver, maxDataBytes: number) {
    this.receiver = receiver;
    this.maxDataBytes = maxDataBytes;
  }

  /** Takes the next bytes of the stream. Throws ProtocolError when they can only be answered by closing. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) at = this.#inBody ? this.#takeBody(chunk, at) : this.#takeHead(chunk, at);
  }

  #takeHead(chunk: Uint8Array, start: number): number {
    if (this.#headFilled === 0 && chunk.length - start >= HEADER_BYTES) {
      const length = this.#headLength(chunk, start);
      if (chunk.length - start >= length) {
        this.#beginPdu(chunk.subarray(start, start + length));
        return start + length;
      }
    }
    this.#head ??= new Uint8Array(HEADER_BYTES + MAX_AHS_BYTES + DIGEST_BYTES);
    const head = this.#head;
    let at = start;
    let due = this.#headDue(head);
    while (at < chunk.length && this.#headFilled < due) {
      const take = Math.min(chunk.length - at, due - this.#headFilled);
      head.set(chunk.subarray(at, at + take), this.#headFilled);
      this.#headFilled += take;
      at += take;
      due = this.#headDue(head);
    }
    if (this.#headFilled === due) {
      this.#headFilled = 0;
      this.#beginPdu(head.subarray(0, due));
    }
    return at;
  }

  #headDue(head: Uint8Array): number {
    return this.#headFilled < HEADER_BYTES ? HEADER_BYTES : this.#headLength(head, 0);
  }

  /** Of BHS, AHS and digest; lengths beyond the limits are refused as soon as the BHS is there. */
  #headLength(bytes: Uint8Array, at: number): number {
    const ahs = getU8(bytes, at + AHS_LENGTH_AT) * 4;
    const data = getU24(bytes, at + DATA_LENGTH_AT);
    if (data > this.maxDataBytes)
      throw new ProtocolError(
        `a data segment of ${data} bytes is longer than the ${this.maxDataBytes} agreed`,
      );
    if (ahs > this.maxAhsBytes) throw new ProtocolError(`an AHS of ${ahs} bytes is out of place`);
    return HEADER_BYTES + ahs + (this.headerDigest ? DIGEST_BYTES : 0);
  }

  #beginPdu(head: Uint8Array): void {
    const length = this.headerDigest ? head.length - DIGEST_BYTES : head.length;
    // RFC 7143 section 7.7: at ErrorRecoveryLevel 0 a header digest error costs the connection.
    if (this.headerDigest && !hasDigest(head, length, 0, length))
      throw new ProtocolError("a header does not match its digest");
    const header = this.headerDigest ? head.subarray(0, length) : head;
    this.#dataLength = dataLengthOf(header);
    if (this.dataDigest && this.#dataLength > 0) this.#lastHeader = header.slice(0, HEADER_BYTES);
    this.#wanted = this.receiver.onHeader(header);
    if (this.#dataLength === 0) {
      this.receiver.onEnd();
      return;
    }
    this.#bodyLength = padded(this.#dataLength) + (this.dataDigest ? DIGEST_BYTES : 0);
    this.#bodyFilled = 0;
    this.#inBody = true;
  }

  #takeBody(chunk: Uint8Array, start: number): number {
    const here = chunk.length - start;
    if (this.#bodyFilled === 0 && here >= this.#bodyLength) {
      const length = this.#bodyLength;
      this.#finishBody(chunk.subarray(start, start + length));
      return start + length;
    }
    if (this.#wanted === "whole" || this.dataDigest || this.#dataLength <= GATHER_BYTES)
      return this.#gather(chunk, start);
    return this.#stream(chunk, start);
  }

  #gather(chunk: Uint8Array, start: number): number {
    this.#body ??= new Uint8Array(this.#bodyLength);
    const take = Math.min(chunk.length - start, this.#bodyLength - this.#bodyFilled);
    this.#body.set(chunk.subarray(start, start + take), this.#bodyFilled);
    this.#bodyFilled += take;
    if (this.#bodyFilled === this.#bodyLength) {
      const body = this.#body;
      this.#body = undefined;
      this.#finishBody(body);
    }
    return start + take;
  }

  #finishBody(body: Uint8Array): void {
    this.#inBody = false;
    const digestAt = this.#bodyLength - DIGEST_BYTES;
    if (this.dataDigest && !hasDigest(body, digestAt, 0, digestAt)) {
      this.receiver.onDataDigestError(this.#lastHeader ?? new Uint8Array(HEADER_BYTES));
      return;
    }
    this.receiver.onData(body.length === this.#dataLength ? body : body.subarray(0, this.#dataLength), 0);
    this.receiver.onEnd();
  }

  /** `#bodyFilled` counts what was taken from the stream, of which the last `#carried` bytes wait in the carry. */
  #stream(chunk: Uint8Array, start: number): number {
    let at = start;
    const dataLeft = this.#dataLength - this.#bodyFilled;
    const take = Math.min(chunk.length - at, dataLeft);
    if (take > 0) {
      this.#streamData(chunk.subarray(at, at + take), take === dataLeft);
      at += take;
    }
    const padding = Math.min(chunk.length - at, this.#bodyLength - this.#bodyFilled);
    this.#bodyFilled += padding;
    if (this.#bodyFilled === this.#bodyLength) {
      this.#inBody = false;
      this.receiver.onEnd();
    }
    return at + padding;
  }

  #streamData(piece: Uint8Array, isLast: boolean): void {
    let rest = piece;
    if (this.#carried > 0 && this.#carry) {
      const take = Math.min(STREAM_ALIGN - this.#carried, rest.length);
      this.#carry.set(rest.subarray(0, take), this.#carried);
      this.#carried += take;
      this.#bodyFilled += take;
      rest = rest.subarray(take);
      if (this.#carried < STREAM_ALIGN && !(isLast && rest.length === 0)) return;
      const length = this.#carried;
      this.#carried = 0;
      this.receiver.onData(this.#carry.subarray(0, length), this.#bodyFilled - length);
    }
    const whole = isLast ? rest.length : rest.length - (rest.length % STREAM_ALIGN);
    if (whole > 0) {
      const offset = this.#bodyFilled;
      this.#bodyFilled += whole;
      this.receiver.onData(rest.subarray(0, whole), offset);
    }
    if (whole < rest.length) {
      this.#carry ??= new Uint8Array(STREAM_ALIGN);
      this.#carry.set(rest.subarray(whole));
      this.#carried = rest.length - whole;
      this.#bodyFilled += this.#carried;
    }
  }
}
