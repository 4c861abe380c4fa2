/**
 * Text requests in full feature phase, RFC 7143 sections 11.10 and 11.11: keys may come in several requests (C bit),
 * and an answer longer than the initiator's segment goes out in pieces, each fetched by an empty request.
 */
import type { Parameters } from "../login/key-rows.ts";
import { negotiateKey } from "../login/negotiate.ts";
import { MAX_TEXT_BYTES, type TextKey, decodeTextKeys, encodeTextKeys } from "../login/text-keys.ts";
import { NO_TAG } from "../pdu/basic-header.ts";
import type { TextRequest } from "../pdu/text.ts";
import { ProtocolError } from "../wire/bytes.ts";
import { type DiscoveryView, sendTargets } from "./send-targets.ts";

export interface TextAnswer {
  readonly final: boolean;
  readonly continues: boolean;
  readonly transferTag: number;
  readonly data: Uint8Array;
}

/** There is one text exchange at a time, so its tag need not differ from one to the next. */
const EXCHANGE_TAG = 0x7e87;

export class TextExchange {
  readonly #parameters: Parameters;
  readonly #view: DiscoveryView;
  #incoming: Uint8Array[] = [];
  #incomingBytes = 0;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(parameters: Parameters, view: DiscoveryView) {
    this.#parameters = parameters;
    this.#view = view;
  }

  /** Throws ProtocolError for a request that is to be rejected; the exchange is over then. */
  receive(request: TextRequest, data: Uint8Array): TextAnswer {
    try {
      return this.#take(request, data);
    } catch (error) {
      this.#reset();
      throw error;
    }
  }

  #take(request: TextRequest, data: Uint8Array): TextAnswer {
    const goesOn = request.transferTag === EXCHANGE_TAG;
    if (!goesOn && request.transferTag !== NO_TAG) throw new ProtocolError("an unknown text exchange");
    if (request.final && request.continues) throw new ProtocolError("F and C are both set");
    // A new exchange ends an unfinished one (section 11.10.4).
    if (!goesOn) this.#reset();
    if (goesOn && this.#rest.length > 0 && data.length === 0) return this.#nextPiece();
    this.#incomingBytes += data.length;
    if (this.#incomingBytes > MAX_TEXT_BYTES)
      throw new ProtocolError("the keys of one exchange are too long");
    // Nothing is not kept: an exchange may go on for ever with nothing in its requests.
    if (data.length > 0) this.#incoming.push(data.slice());
    if (request.continues)
      return { final: false, continues: false, transferTag: EXCHANGE_TAG, data: new Uint8Array(0) };
    const keys = decodeTextKeys(Buffer.concat(this.#incoming));
    this.#reset();
    const answers = keys.flatMap(([key, value]) => this.#answer(key, value));
    // libiscsi takes any key but its own for a broken connection, so a discovery that is misspelt is rejected as a whole.
    const isMisspelt = answers.every(
      ([key, value]) => /^sendtargets/i.test(key) && (value === "NotUnderstood" || value === "Reject"),
    );
    if (answers.length > 0 && isMisspelt) throw new ProtocolError("nothing of this can be answered");
    this.#rest = encodeTextKeys(answers);
    return this.#nextPiece();
  }

  #answer(key: string, value: string): TextKey[] {
    if (key === "SendTargets") return sendTargets(value, this.#view) ?? [[key, "Reject"]];
    const context = {
      discovery: this.#view.ownTarget === undefined,
      phase: "fullFeature",
      firstRequest: false,
    } as const;
    const answer = negotiateKey(key, value, this.#parameters, context);
    return answer === undefined ? [] : [[key, answer]];
  }

  #nextPiece(): TextAnswer {
    const most = this.#parameters.MaxRecvDataSegmentLength;
    const data = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(data.length);
    const isLast = this.#rest.length === 0;
    return { final: isLast, continues: !isLast, transferTag: isLast ? NO_TAG : EXCHANGE_TAG, data };
  }

  #reset(): void {
    this.#incoming = [];
    this.#incomingBytes = 0;
    this.#rest = new Uint8Array(0);
  }
}
