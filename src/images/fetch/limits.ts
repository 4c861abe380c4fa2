/** How long a server may take, and how often it is asked again. */
export interface FetchLimits {
  /** Until the first byte of an answer. */
  readonly answerMs: number;
  /** Without a sign of life the connection is dead ... */
  readonly stallMs: number;
  /** ... and with fewer bytes than these in that time, it is as good as dead. */
  readonly stallBytes: number;
  /** Attempts in a row that bring nothing new. */
  readonly attempts: number;
  /** Before the second attempt; each further wait is twice as long. */
  readonly retryMs: number;
}

export const FETCH_LIMITS: FetchLimits = {
  answerMs: 30_000,
  stallMs: 30_000,
  stallBytes: 30 * 1024,
  attempts: 5,
  retryMs: 1000,
};

/** What browsers follow at most is 20; a download site has one or two. */
export const REDIRECTS_MAX = 8;
export const URL_MAX_CHARS = 4096;
