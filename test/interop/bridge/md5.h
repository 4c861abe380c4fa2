/*
 * MD5 (RFC 1321) of one short message, for CHAP. The table of the RFC is floor(2^32 * |sin(i + 1)|), and is made as it
 * is defined there rather than kept: a login hashes two blocks.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define MD5_BYTES 16
/* One identifier, a secret and a challenge; and what is appended to them. */
#define MD5_MESSAGE_MAX 512

static uint32_t md5_rotate(uint32_t value, int by) { return value << by | value >> (32 - by); }

static void md5_block(uint32_t state[4], const uint8_t *block) {
	static const uint8_t turns[4][4] = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 } };
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];

	for (int step = 0; step < 64; step++) {
		uint32_t mixed, word, next;
		int round = step / 16, from = step;

		if (round == 0) {
			mixed = (b & c) | (~b & d);
		} else if (round == 1) {
			mixed = (d & b) | (~d & c);
			from = 5 * step + 1;
		} else if (round == 2) {
			mixed = b ^ c ^ d;
			from = 3 * step + 5;
		} else {
			mixed = c ^ (b | ~d);
			from = 7 * step;
		}
		memcpy(&word, block + 4 * (from % 16), 4);
		mixed += a + word + (uint32_t)floor(fabs(sin(step + 1)) * 4294967296.0);
		next = b + md5_rotate(mixed, turns[round][step % 4]);
		a = d;
		d = c;
		c = b;
		b = next;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

/* For little-endian machines, as the ESP32 is. `length` is MD5_MESSAGE_MAX - 64 at most. */
static void md5(uint8_t digest[MD5_BYTES], const uint8_t *message, size_t length) {
	uint32_t state[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
	uint8_t padded[MD5_MESSAGE_MAX] = { 0 };
	size_t total = (length + 8) / 64 * 64 + 64;
	uint64_t bits = (uint64_t)length * 8;

	memcpy(padded, message, length);
	padded[length] = 0x80;
	memcpy(padded + total - 8, &bits, 8);
	for (size_t at = 0; at < total; at += 64)
		md5_block(state, padded + at);
	memcpy(digest, state, MD5_BYTES);
}
