/** What takes the data segment of the PDU that is coming in. */
export interface DataSink {
  data(bytes: Uint8Array, offset: number): void;
  end(): void;
  /** The data did not match its digest and is lost. */
  lost(): void;
}

/** For data that is nobody's. */
export const IGNORED_DATA: DataSink = { data: () => undefined, end: () => undefined, lost: () => undefined };

/** A command without data of the initiator: any that it sends all the same is dropped. */
export class CommandOnly implements DataSink {
  readonly #run: () => void;

  constructor(run: () => void) {
    this.#run = run;
  }

  data(): void {
    // RFC 7143 11.3.1: immediate data without the W bit belongs to nothing.
  }

  end(): void {
    this.#run();
  }

  lost(): void {
    this.#run();
  }
}

/** A request that is answered from its data segment, which the framer hands over in one piece. Lost with its digest, it is rejected instead. */
export class WholeSegment implements DataSink {
  readonly #answer: (data: Uint8Array) => void;
  #data: Uint8Array = new Uint8Array(0);

  constructor(answer: (data: Uint8Array) => void) {
    this.#answer = answer;
  }

  data(bytes: Uint8Array): void {
    this.#data = bytes;
  }

  end(): void {
    this.#answer(this.#data);
  }

  lost(): void {
    // The Reject is the answer.
  }
}
