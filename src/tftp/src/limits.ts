/** Every size, count and time that a client could push, with its reason. */
import type { TftpLimits } from "./api.ts";

/** RFC 2347: "The maximum size of a request packet is 512 octets". */
export const MAX_REQUEST_BYTES = 512;

/** The longest name of a file in what people serve from (NAME_MAX); longer ones name nothing of ours. */
export const MAX_PATH_BYTES = 255;

/** RFC 2348: an octet more would not fit in a UDP datagram over IPv4. */
export const MAX_BLOCK_BYTES = 65464;

/**
 * Packets of one window, headers included. A default Linux socket buffer (208 KiB, each packet counted with its
 * overhead) takes so much at once on both sides, so that no block of a window is lost inside our own machine.
 */
export const MAX_WINDOW_BYTES = 128 * 1024;

/** Beyond 64 blocks a window gains nothing measurable on a LAN and only makes a loss dearer. */
export const MAX_WINDOW_BLOCKS = 64;

/**
 * A classroom of Pis loads one file each at a time; a thousand leave room for aborted ones that wait for their
 * end, and stay below the usual 4096 descriptors of a process.
 */
export const MAX_TRANSFERS = 1024;

/** A hundred load-test clients on one laptop must pass; one broken client must not take every place. */
export const MAX_TRANSFERS_PER_CLIENT = 256;

/** Unanswered transfers of one file to one port: a client that asks again and again needs the latest few. */
export const MAX_SAME_REQUESTS = 3;

/** Before the first measurement. Pi firmware takes a silence of 1 s for "missing": repeat well before that. */
export const INITIAL_RETRANSMIT_MS = 300;

/** A LAN answers in less than a millisecond; the rest is how long a busy client may be away from its network. */
export const MIN_RETRANSMIT_MS = 20;

/**
 * No boot client is a second away, and none should wait longer for a block when its cable is plugged in again.
 * The timeout option (RFC 2349) can only be longer: it is agreed to, and kept by being quicker.
 */
export const MAX_RETRANSMIT_MS = 1000;

/** Without progress for so long the transfer is given up: what Pi firmware allows for a file (TFTP_FILE_TIMEOUT). */
export const GIVE_UP_MS = 30_000;

/** A client that asks for long timeouts (RFC 2349: up to 255 s) is waited for so many of them ... */
export const GIVE_UP_TIMEOUTS = 5;

/** ... but never longer than this, or absent clients would hold places for twenty minutes. */
export const MAX_GIVE_UP_MS = 120_000;

/** Progress is for people: four times a second is as much as an eye follows. */
export const PROGRESS_INTERVAL_MS = 250;

/** Interfaces come and go at the speed of hands and cables. */
export const ADDRESS_WATCH_MS = 1000;

export const DEFAULT_LIMITS: TftpLimits = {
  transfers: MAX_TRANSFERS,
  transfersPerClient: MAX_TRANSFERS_PER_CLIENT,
  blockBytes: MAX_BLOCK_BYTES,
  windowBlocks: MAX_WINDOW_BLOCKS,
};
