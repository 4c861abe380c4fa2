/**
 * The retransmission time, measured (RFC 6298 section 2, with limits of a LAN).
 *
 *   first sample R:  srtt = R, rttvar = R/2;  later: rttvar += (|srtt - R| - rttvar)/4, srtt += (R - srtt)/8
 *   rto = srtt + 4 rttvar within the limits; doubled for every time it ran out (section 5.5).
 * Only packets that were sent once are samples (Karn: section 3): the caller sees to that.
 */
import { INITIAL_RETRANSMIT_MS, MAX_RETRANSMIT_MS, MIN_RETRANSMIT_MS } from "../limits.ts";

export class RoundTrip {
  readonly #maxMs: number;
  #smoothedMs: number | undefined;
  #variationMs = 0;
  #doublings = 0;

  /** `ceilingMs` is the client's `timeout` option: it never waits longer than that. */
  constructor(ceilingMs: number | undefined) {
    this.#maxMs = Math.min(MAX_RETRANSMIT_MS, ceilingMs ?? MAX_RETRANSMIT_MS);
  }

  /** A packet sent once was answered after `ms`. */
  sample(ms: number): void {
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = ms;
      this.#variationMs = ms / 2;
    } else {
      this.#variationMs += (Math.abs(this.#smoothedMs - ms) - this.#variationMs) / 4;
      this.#smoothedMs += (ms - this.#smoothedMs) / 8;
    }
    this.#doublings = 0;
  }

  /** The time to wait as measured, without the doubling. */
  get measuredMs(): number {
    const ms =
      this.#smoothedMs === undefined ? INITIAL_RETRANSMIT_MS : this.#smoothedMs + 4 * this.#variationMs;
    return Math.min(this.#maxMs, Math.max(MIN_RETRANSMIT_MS, ms));
  }

  /** The time to wait now. */
  get timeoutMs(): number {
    return Math.min(this.#maxMs, this.measuredMs * 2 ** this.#doublings);
  }

  /** The time ran out: wait twice as long for the next. */
  backOff(): void {
    if (this.timeoutMs < this.#maxMs) this.#doublings++;
  }

  /** The client showed that it is there: wait as measured again. */
  reset(): void {
    this.#doublings = 0;
  }
}
