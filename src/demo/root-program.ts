/**
 * The whole system of the demo's Pi: one program of some hundred bytes. It greets in the kernel's log, which the console
 * shows and the server hears, and writes a block to its disk every second, so that a person sees throughput; it never ends.
 *
 *   write(openat(AT_FDCWD, "/dev/kmsg", O_WRONLY), greeting)
 *   fd = openat(AT_FDCWD, "/heartbeat", O_WRONLY|O_CREAT|O_SYNC, 0644)
 *   again: pwrite64(fd, this program, 4096, 0)    nanosleep(1 s)    goto again
 */

const LOAD_AT = 0x400000;
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const CODE_AT = HEADER_BYTES + SEGMENT_BYTES;
const BLOCK_BYTES = 4096;
const GREETING =
  "This is the demo's Raspberry Pi. Its disk is on the computer that serves it; every second it writes a block.\n";
const LOG = "/dev/kmsg\0";
const HEARTBEAT = "/heartbeat\0";

/** Linux's numbers on arm64. */
const SYSCALL = { openat: 56, write: 64, pwrite64: 68, nanosleep: 101 } as const;
const AT_FDCWD = -100;
const WRITE_ONLY = 0o1;
/** O_WRONLY | O_CREAT | O_SYNC */
const OPEN_FLAGS = 0o1 | 0o100 | 0o4010000;
const FILE_MODE = 0o644;
const MACHINE_ARM64 = 183;

const SVC = 0xd4000001;
/** movz xN, #value, lsl #shift */
const movz = (register: number, value: number, shift: 0 | 16 = 0): number =>
  (0xd2800000 | (shift === 16 ? 0x200000 : 0) | ((value & 0xffff) << 5) | register) >>> 0;
/** movk xN, #value, lsl #16 */
const movk = (register: number, value: number): number =>
  (0xf2a00000 | ((value & 0xffff) << 5) | register) >>> 0;
/** movn xN, #value: the inverse of it */
const movn = (register: number, value: number): number =>
  (0x92800000 | ((value & 0xffff) << 5) | register) >>> 0;
/** mov xN, xM */
const copy = (to: number, from: number): number => (0xaa0003e0 | (from << 16) | to) >>> 0;
const wide = (register: number, value: number): number[] => [
  movz(register, value & 0xffff),
  movk(register, value >>> 16),
];

/** The program as a static ELF for arm64, at least as long as the block that it writes. */
export function rootProgram(): Uint8Array {
  const greeting = Buffer.from(GREETING);
  const words = Buffer.concat([greeting, Buffer.from(LOG), Buffer.from(HEARTBEAT)]);
  const code = (data: { greeting: number; log: number; path: number; time: number }): number[] => {
    const begin = [
      movn(0, ~AT_FDCWD),
      ...wide(1, data.log),
      movz(2, WRITE_ONLY),
      movz(8, SYSCALL.openat),
      SVC,
      ...wide(1, data.greeting),
      movz(2, greeting.length),
      movz(8, SYSCALL.write),
      SVC,
      movn(0, ~AT_FDCWD),
      ...wide(1, data.path),
      ...wide(2, OPEN_FLAGS),
      movz(3, FILE_MODE),
      movz(8, SYSCALL.openat),
      SVC,
      copy(19, 0),
    ];
    const again = [
      copy(0, 19),
      ...wide(1, LOAD_AT),
      movz(2, BLOCK_BYTES),
      movz(3, 0),
      movz(8, SYSCALL.pwrite64),
      SVC,
      ...wide(0, data.time),
      movz(1, 0),
      movz(8, SYSCALL.nanosleep),
      SVC,
    ];
    // b: as many instructions back, in 26 bits.
    return [...begin, ...again, (0x14000000 | (-again.length & 0x3ffffff)) >>> 0];
  };
  const codeBytes = code({ greeting: 0, log: 0, path: 0, time: 0 }).length * 4;
  const timeAt = CODE_AT + codeBytes + ((CODE_AT + codeBytes) % 8);
  const greetingAt = timeAt + 16;
  const at = {
    time: LOAD_AT + timeAt,
    greeting: LOAD_AT + greetingAt,
    log: LOAD_AT + greetingAt + greeting.length,
    path: LOAD_AT + greetingAt + greeting.length + LOG.length,
  };
  const program = Buffer.alloc(BLOCK_BYTES);
  program.set(header(), 0);
  for (const [index, word] of code(at).entries()) program.writeUInt32LE(word, CODE_AT + 4 * index);
  program.writeBigUInt64LE(1n, timeAt);
  program.set(words, greetingAt);
  return program;
}

/** ELF header and one segment that is read and run (System V ABI, chapters 4 and 5). */
function header(): Uint8Array {
  const bytes = Buffer.alloc(CODE_AT);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(MACHINE_ARM64, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(BigInt(LOAD_AT + CODE_AT), 24);
  bytes.writeBigUInt64LE(BigInt(HEADER_BYTES), 32);
  bytes.writeUInt16LE(HEADER_BYTES, 52);
  bytes.writeUInt16LE(SEGMENT_BYTES, 54);
  bytes.writeUInt16LE(1, 56);
  bytes.writeUInt32LE(1, HEADER_BYTES);
  bytes.writeUInt32LE(5, HEADER_BYTES + 4);
  bytes.writeBigUInt64LE(BigInt(LOAD_AT), HEADER_BYTES + 16);
  bytes.writeBigUInt64LE(BigInt(LOAD_AT), HEADER_BYTES + 24);
  bytes.writeBigUInt64LE(BigInt(BLOCK_BYTES), HEADER_BYTES + 32);
  bytes.writeBigUInt64LE(BigInt(BLOCK_BYTES), HEADER_BYTES + 40);
  bytes.writeBigUInt64LE(BigInt(BLOCK_BYTES), HEADER_BYTES + 48);
  return bytes;
}
