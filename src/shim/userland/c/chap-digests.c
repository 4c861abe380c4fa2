/*
 * MD5 (RFC 1321) and SHA-256 (FIPS 180-4) behind the OpenSSL names that open-iscsi's CHAP calls.
 *
 * Both hashes work on 64-byte blocks and end with 0x80, zeros and the length in bits; they differ in byte order,
 * in the state's size and in the block function. A CHAP input is a few hundred bytes: small is better than fast here.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "openssl/evp.h"
#include "openssl/rand.h"

enum { BLOCK = 64, LENGTH_FIELD = 8, MAX_WORDS = 8 };

struct pinetboot_digest {
	unsigned int words;
	int big_endian;
	uint32_t start[MAX_WORDS];
	void (*block)(uint32_t *state, const uint32_t *words);
};

struct pinetboot_digest_context {
	const EVP_MD *digest;
	uint32_t state[MAX_WORDS];
	unsigned char pending[BLOCK];
	uint64_t length;
};

static uint32_t rotate_left(uint32_t value, unsigned int by)
{
	return value << by | value >> (32 - by);
}

static uint32_t rotate_right(uint32_t value, unsigned int by)
{
	return rotate_left(value, 32 - by);
}

/* floor(2^32 * abs(sin(i + 1))), RFC 1321 section 3.4 */
static const uint32_t md5_sines[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
	0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
	0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
	0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
	0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
	0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
	0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static const unsigned char md5_rotations[4][4] = {
	{ 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 },
};

static void md5_block(uint32_t *state, const uint32_t *words)
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];

	for (unsigned int i = 0; i < 64; i++) {
		uint32_t mix, kept = d;
		unsigned int word;

		switch (i / 16) {
		case 0:
			mix = (b & c) | (~b & d);
			word = i;
			break;
		case 1:
			mix = (d & b) | (~d & c);
			word = (5 * i + 1) % 16;
			break;
		case 2:
			mix = b ^ c ^ d;
			word = (3 * i + 5) % 16;
			break;
		default:
			mix = c ^ (b | ~d);
			word = 7 * i % 16;
		}
		d = c;
		c = b;
		b += rotate_left(a + mix + md5_sines[i] + words[word], md5_rotations[i / 16][i % 4]);
		a = kept;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes, FIPS 180-4 section 4.2.2 */
static const uint32_t sha256_roots[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void sha256_block(uint32_t *state, const uint32_t *words)
{
	uint32_t schedule[64], v[MAX_WORDS];

	memcpy(schedule, words, BLOCK);
	for (unsigned int i = 16; i < 64; i++) {
		uint32_t near = schedule[i - 15], far = schedule[i - 2];

		schedule[i] = schedule[i - 16] + schedule[i - 7] +
			      (rotate_right(near, 7) ^ rotate_right(near, 18) ^ near >> 3) +
			      (rotate_right(far, 17) ^ rotate_right(far, 19) ^ far >> 10);
	}
	memcpy(v, state, sizeof(v));
	for (unsigned int i = 0; i < 64; i++) {
		uint32_t e = v[4], a = v[0];
		uint32_t first = v[7] + (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) +
				 ((e & v[5]) ^ (~e & v[6])) + sha256_roots[i] + schedule[i];
		uint32_t second = (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) +
				  ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, sizeof(v) - sizeof(v[0]));
		v[4] += first;
		v[0] = first + second;
	}
	for (unsigned int i = 0; i < MAX_WORDS; i++)
		state[i] += v[i];
}

static const EVP_MD md5 = {
	.words = 4,
	.big_endian = 0,
	.start = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 },
	.block = md5_block,
};

static const EVP_MD sha256 = {
	.words = 8,
	.big_endian = 1,
	.start = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 },
	.block = sha256_block,
};

const EVP_MD *EVP_md5(void)
{
	return &md5;
}

const EVP_MD *EVP_sha1(void)
{
	return NULL;
}

const EVP_MD *EVP_sha256(void)
{
	return &sha256;
}

static void take_block(EVP_MD_CTX *context)
{
	uint32_t words[BLOCK / 4];

	for (unsigned int i = 0; i < BLOCK / 4; i++) {
		const unsigned char *bytes = context->pending + 4 * i;

		words[i] = context->digest->big_endian
				   ? (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | bytes[2] << 8 | bytes[3]
				   : (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | bytes[1] << 8 | bytes[0];
	}
	context->digest->block(context->state, words);
}

EVP_MD_CTX *EVP_MD_CTX_new(void)
{
	return calloc(1, sizeof(EVP_MD_CTX));
}

void EVP_MD_CTX_free(EVP_MD_CTX *context)
{
	free(context);
}

int EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *digest, void *engine)
{
	(void)engine;
	if (context == NULL || digest == NULL)
		return 0;
	context->digest = digest;
	context->length = 0;
	memcpy(context->state, digest->start, sizeof(context->state));
	return 1;
}

int EVP_DigestUpdate(EVP_MD_CTX *context, const void *data, size_t length)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < length; i++) {
		context->pending[context->length++ % BLOCK] = bytes[i];
		if (context->length % BLOCK == 0)
			take_block(context);
	}
	return 1;
}

int EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *out, unsigned int *length)
{
	static const unsigned char end_mark = 0x80, zero = 0;
	uint64_t bits = context->length * 8;

	EVP_DigestUpdate(context, &end_mark, 1);
	while (context->length % BLOCK != BLOCK - LENGTH_FIELD)
		EVP_DigestUpdate(context, &zero, 1);
	for (unsigned int i = 0; i < LENGTH_FIELD; i++) {
		unsigned int at = context->digest->big_endian ? LENGTH_FIELD - 1 - i : i;
		unsigned char byte = (unsigned char)(bits >> 8 * at);

		EVP_DigestUpdate(context, &byte, 1);
	}
	for (unsigned int i = 0; i < context->digest->words * 4; i++) {
		unsigned int at = context->digest->big_endian ? 3 - i % 4 : i % 4;

		out[i] = (unsigned char)(context->state[i / 4] >> 8 * at);
	}
	if (length != NULL)
		*length = context->digest->words * 4;
	return 1;
}

int RAND_bytes(unsigned char *out, int count)
{
	return getrandom(out, (size_t)count, 0) == count;
}
