/**
 * The retransmission time, measured (RFC 6298 section 2, with the limits of a LAN).
 *
 *   first sample R:  srtt = R, rttvar = R/2;  later: rttvar += (|srtt - R| - rttvar)/4, srtt += (R - srtt)/8
 *   rto = srtt + 4 rttvar within the limits; doubled for every time it ran out (section 5.5).
 *
 * The answer to a packet that was sent twice may be the answer to either copy (Karn), so it is no sample. But one
 * that follows the second copy sooner than a round trip can be is the answer to the first (RFC 3522): the time
 * was too short, and this is the sample that mends it.
 */
import { INITIAL_RETRANSMIT_MS, MAX_RETRANSMIT_MS, MIN_RETRANSMIT_MS } from "../limits.ts";

/** Of the shortest time measured: an answer within less cannot be one. Half, since windows differ in length. */
const IMPOSSIBLE_SHARE = 0.5;

export class RoundTrip {
  #smoothedMs: number | undefined;
  #variationMs = 0;
  #shortestMs = Infinity;
  #doublings = 0;

  /** An answer to a packet that was sent once. */
  answered(ms: number): void {
    this.#shortestMs = Math.min(this.#shortestMs, ms);
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = ms;
      this.#variationMs = ms / 2;
    } else {
      this.#variationMs += (Math.abs(this.#smoothedMs - ms) - this.#variationMs) / 4;
      this.#smoothedMs += (ms - this.#smoothedMs) / 8;
    }
    this.#doublings = 0;
  }

  /** An answer to a packet that was sent more than once, so long after its first and its latest copy. */
  answeredRepeated(sinceFirstMs: number, sinceLatestMs: number): void {
    if (this.#smoothedMs === undefined) return;
    if (this.isPossible(sinceLatestMs)) this.#doublings = 0;
    else this.answered(sinceFirstMs);
  }

  /** Whether an answer can come `ms` after what it answers. */
  isPossible(ms: number): boolean {
    return this.#smoothedMs !== undefined && ms >= this.#shortestMs * IMPOSSIBLE_SHARE;
  }

  /** The time to wait as measured, without the doubling. */
  get measuredMs(): number {
    const ms =
      this.#smoothedMs === undefined ? INITIAL_RETRANSMIT_MS : this.#smoothedMs + 4 * this.#variationMs;
    return Math.min(MAX_RETRANSMIT_MS, Math.max(MIN_RETRANSMIT_MS, ms));
  }

  /** The time to wait now. */
  get timeoutMs(): number {
    return Math.min(MAX_RETRANSMIT_MS, this.measuredMs * 2 ** this.#doublings);
  }

  /** The time ran out: wait twice as long for the next. */
  backOff(): void {
    if (this.timeoutMs < MAX_RETRANSMIT_MS) this.#doublings++;
  }
}
