/** Every size that a file to import could claim, and what is made of it at most. */

/** Largest disk that is unpacked, holes included, 2 TiB: no card or disk for a Pi is larger. */
export const MAX_IMAGE_BYTES = 2 * 2 ** 40;

/**
 * A small archive may hold a large disk that is almost empty, and zeros cost nothing: they are not counted. What is not
 * zeros may be this much without any question, ...
 */
export const UNQUESTIONED_BYTES = 2 ** 30;
/** ... and beyond it at most this many times what the archive itself has: real disks shrink to a tenth, bombs to a millionth. */
export const MAX_EXPANSION = 2000;

/** Largest file that is fetched or taken as an upload, 1 TiB. */
export const MAX_SOURCE_BYTES = 2 ** 40;

/**
 * Room on the disk that an import leaves to the guests that write at the same time: this, or the given part of the disk
 * when that is less.
 */
export const RESERVE_BYTES = 256 * 2 ** 20;
export const RESERVE_PART = 1 / 64;
