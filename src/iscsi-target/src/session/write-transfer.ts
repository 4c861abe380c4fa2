/**
 * The data of one write as the initiator may send it, RFC 7143 sections 4.2.5.2 and 11.7, without any I/O:
 *
 *   immediate data -> [unsolicited Data-Out ... F] -> R2T -> Data-Out ... F -> R2T -> ... -> complete
 *
 * Data comes strictly in order (DataPDUInOrder and DataSequenceInOrder are Yes). After a wrong PDU, or once the
 * command has failed otherwise, `fail` makes the rest of the open sequence be swallowed, because the initiator
 * is still going to send it, and no more is asked for.
 */
import { NO_TAG } from "../pdu/basic-header.ts";
import type { DataOut } from "../pdu/data-out.ts";
import type { SenseName } from "../scsi/sense.ts";

export interface TransferTerms {
  /** Expected Data Transfer Length: what the initiator holds ready. */
  readonly offered: number;
  /** What the command can use of it. */
  readonly wanted: number;
  readonly immediateData: boolean;
  readonly initialR2t: boolean;
  readonly firstBurst: number;
  readonly maxBurst: number;
}

interface Sequence {
  readonly transferTag: number;
  /** Buffer offset that it must not pass. */
  readonly end: number;
  nextDataSn: number;
}

export class WriteTransfer {
  readonly #terms: TransferTerms;
  #received = 0;
  #sequence: Sequence | undefined;
  #failed = false;
  #r2tSn = 0;

  constructor(terms: TransferTerms) {
    this.#terms = terms;
  }

  /** Bytes received in order. */
  get received(): number {
    return this.#received;
  }

  get wanted(): number {
    return this.#terms.wanted;
  }

  /** R2Ts sent so far. */
  get r2tCount(): number {
    return this.#r2tSn;
  }

  /** No more data is on its way or will be asked for. */
  get isComplete(): boolean {
    return this.#sequence === undefined && (this.#failed || this.#received >= this.#terms.wanted);
  }

  /** The SCSI Command itself: its immediate data, and whether unsolicited Data-Out follow. Returns what is wrong. */
  begin(immediateLength: number, final: boolean): SenseName | undefined {
    const { offered, immediateData, initialR2t, firstBurst } = this.#terms;
    const unsolicitedEnd = Math.min(firstBurst, offered);
    if (!final) this.#sequence = { transferTag: NO_TAG, end: unsolicitedEnd, nextDataSn: 0 };
    if ((immediateLength > 0 && !immediateData) || (!final && initialR2t))
      return this.#wrong("unexpectedUnsolicitedData");
    if (immediateLength > unsolicitedEnd) return this.#wrong("incorrectAmountOfData");
    this.#received = immediateLength;
    return undefined;
  }

  /** A Data-Out of this task. Returns what is wrong with it; its data is to be dropped then. */
  accept(dataOut: DataOut): SenseName | undefined {
    const sequence = this.#sequence;
    if (this.#failed && sequence) {
      if (dataOut.final) this.#sequence = undefined;
      return undefined;
    }
    if (!sequence || dataOut.transferTag !== sequence.transferTag) {
      // Nobody can say whether the right data still comes; should it, it is dropped as that of an ended task.
      if (dataOut.final) this.#sequence = undefined;
      return this.#wrong("unexpectedUnsolicitedData");
    }
    const inOrder = dataOut.dataSn === sequence.nextDataSn && dataOut.bufferOffset === this.#received;
    const end = this.#received + dataOut.dataLength;
    // A solicited sequence ends where its R2T said; an unsolicited one may end earlier.
    const isShort = dataOut.final && sequence.transferTag !== NO_TAG && end < sequence.end;
    if (dataOut.final) this.#sequence = undefined;
    if (!inOrder) return this.#wrong("dataPhaseError");
    if (end > sequence.end || isShort) return this.#wrong("incorrectAmountOfData");
    sequence.nextDataSn++;
    this.#received = end;
    return undefined;
  }

  /** Opens the next solicited sequence when one is due. */
  nextR2t(transferTag: number): { r2tSn: number; bufferOffset: number; desiredLength: number } | undefined {
    if (this.#sequence || this.#failed || this.#received >= this.#terms.wanted) return undefined;
    const bufferOffset = this.#received;
    const desiredLength = Math.min(this.#terms.maxBurst, this.#terms.wanted - bufferOffset);
    this.#sequence = { transferTag, end: bufferOffset + desiredLength, nextDataSn: 0 };
    return { r2tSn: this.#r2tSn++, bufferOffset, desiredLength };
  }

  /** The command has failed: what still comes of the open sequence is swallowed. */
  fail(): void {
    this.#failed = true;
  }

  #wrong(sense: SenseName): SenseName {
    this.#failed = true;
    return sense;
  }
}
