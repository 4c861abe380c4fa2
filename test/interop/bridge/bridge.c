/*
 * An initiator of the size that fits into a microcontroller which shows a target's disk to a USB host: one connection,
 * one command at a time, one PDU of 4 KiB in memory, no digests, R2T for every write, and no code for anything that a
 * well-behaved target need not send. Whatever it has no code for ends it with one line on stderr and status 1.
 *
 *   bridge HOST PORT TARGET USER SECRET COMMAND...
 *
 *   capacity            asks what a USB host asks of a new disk, prints the number of blocks
 *   write6|write10|write16 LBA BLOCKS SEED    writes a pattern
 *   read6|read10|read16 LBA BLOCKS SEED       reads it and compares
 *   flush               SYNCHRONIZE CACHE (10)
 *   cut                 power off in silence and on again: the connection breaks, and a new login follows
 *   half LBA BLOCKS SEED   a WRITE (10) of which half of one data PDU is sent, then "cut"
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "md5.h"

#define BLOCK 512u
#define HEADER 48u
/* All that is ever in memory of the network. */
#define SEGMENT 4096u
/* Two segments: as much as a sector cache of such a device takes. */
#define BURST 8192u
/* lwIP's usual window and segment. */
#define TCP_WINDOW 5744
#define TCP_SEGMENT 1436
#define TEXT_MAX 1024
#define NO_TAG 0xffffffffu
#define INITIATOR "iqn.2026-01.test:bridge"

enum { NOP_OUT = 0x00, COMMAND = 0x01, LOGIN = 0x03, DATA_OUT = 0x05, LOGOUT = 0x06 };
enum { NOP_IN = 0x20, RESPONSE = 0x21, LOGIN_RESPONSE = 0x23, DATA_IN = 0x25, LOGOUT_RESPONSE = 0x26, R2T = 0x31 };
enum { FINAL = 0x80, READS = 0x40, WRITES = 0x20, HAS_STATUS = 0x01, SIMPLE = 0x01 };
enum { GOOD = 0, CHECK_CONDITION = 2, UNIT_ATTENTION = 6 };

static const char *host, *target, *user, *secret;
static int port, net = -1;
static uint8_t head[HEADER], segment[SEGMENT];
static uint32_t segment_length, task, command_sn, last_command_sn, expected_stat_sn, target_segment;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
	va_list words;

	va_start(words, format);
	fputs("bridge: ", stderr);
	vfprintf(stderr, format, words);
	fputc('\n', stderr);
	exit(1);
}

static void put32(uint8_t *at, uint32_t value) {
	value = htonl(value);
	memcpy(at, &value, 4);
}

static uint32_t get32(const uint8_t *at) {
	uint32_t value;

	memcpy(&value, at, 4);
	return ntohl(value);
}

static uint8_t pattern(uint64_t lba, uint32_t at, uint32_t seed) { return (uint8_t)(seed * 31 + lba * 7 + at); }

/* --- PDUs --- */

static void send_all(const uint8_t *bytes, size_t length) {
	while (length > 0) {
		ssize_t sent = send(net, bytes, length, MSG_NOSIGNAL);

		if (sent <= 0)
			die("the target closed the connection");
		bytes += sent;
		length -= (size_t)sent;
	}
}

static void receive_all(uint8_t *bytes, size_t length) {
	while (length > 0) {
		ssize_t came = recv(net, bytes, length, 0);

		if (came <= 0)
			die("the target closed the connection");
		bytes += came;
		length -= (size_t)came;
	}
}

static void begin(uint8_t opcode, uint8_t flags) {
	memset(head, 0, HEADER);
	head[0] = opcode;
	head[1] = flags;
}

static void finish(uint32_t length) {
	static const uint8_t padding[3];

	put32(head + 4, length);
	send_all(head, HEADER);
	send_all(segment, length);
	send_all(padding, -length & 3);
}

static void receive_pdu(void) {
	uint32_t padded;

	receive_all(head, HEADER);
	if (head[4] != 0)
		die("PDU 0x%02x has an additional header", head[0]);
	segment_length = get32(head + 4);
	padded = (segment_length + 3) & ~3u;
	if (padded > SEGMENT)
		die("PDU 0x%02x has %u bytes of data, more than declared", head[0], segment_length);
	receive_all(segment, padded);
}

/* Every PDU of a target tells the command window. */
static void check_window(void) {
	uint32_t expected = get32(head + 28);

	if ((int32_t)(expected - command_sn) > 0)
		die("ExpCmdSN %u is ahead of what was sent", expected);
	last_command_sn = get32(head + 32);
}

/* A PDU with a status takes the next StatSN; some others show it. */
static void check_stat_sn(int takes_it) {
	if (get32(head + 24) != expected_stat_sn)
		die("PDU 0x%02x has StatSN %u, not %u", head[0], get32(head + 24), expected_stat_sn);
	if (takes_it)
		expected_stat_sn++;
}

static void answer_ping(void) {
	uint32_t tag = get32(head + 20);

	check_stat_sn(0);
	if (get32(head + 16) != NO_TAG || tag == NO_TAG)
		die("a NOP-In that is no ping");
	begin(NOP_OUT | 0x40, FINAL);
	put32(head + 16, NO_TAG);
	put32(head + 20, tag);
	put32(head + 24, command_sn);
	put32(head + 28, expected_stat_sn);
	finish(0);
}

/* The next PDU of the running task, pings answered on the way. */
static uint8_t receive_for_task(void) {
	for (;;) {
		receive_pdu();
		check_window();
		if (head[0] != NOP_IN)
			break;
		answer_ping();
	}
	if (get32(head + 16) != task)
		die("PDU 0x%02x is for task %u, not %u", head[0], get32(head + 16), task);
	return head[0];
}

/* --- login --- */

static uint32_t add_text(uint32_t at, const char *key, const char *value) {
	int length = snprintf((char *)segment + at, TEXT_MAX - at, "%s=%s", key, value);

	if (length < 0 || at + (uint32_t)length + 1 > TEXT_MAX)
		die("the text of the login does not fit");
	return at + (uint32_t)length + 1;
}

/* The value of a key of the answer, which is taken out of it; what is left over at the end was not asked for. */
static void take_text(const char *key, char *value, size_t size) {
	size_t length = strlen(key);

	for (uint32_t at = 0; at < segment_length; at += (uint32_t)strlen((char *)segment + at) + 1) {
		char *pair = (char *)segment + at;

		if (strncmp(pair, key, length) != 0 || pair[length] != '=')
			continue;
		if (strlen(pair + length + 1) >= size)
			die("the value of %s is too long", key);
		strcpy(value, pair + length + 1);
		memset(pair, ' ', strlen(pair));
		return;
	}
	die("the target did not answer %s", key);
}

static void expect_text(const char *key, const char *wanted) {
	char value[TEXT_MAX];

	take_text(key, value, sizeof value);
	if (strcmp(value, wanted) != 0)
		die("%s=%s, but only %s will do", key, value, wanted);
}

static void expect_no_more_text(void) {
	for (uint32_t at = 0; at < segment_length; at++)
		if (segment[at] != ' ' && segment[at] != 0)
			die("the target said what it was not asked: %s", (char *)segment + at);
}

static void exchange_login(uint8_t flags, uint32_t length) {
	static const uint8_t isid[6] = { 0x80, 0x00, 0xe5, 0x32, 0x00, 0x01 };
	uint8_t wanted = flags;

	begin(LOGIN | 0x40, flags);
	memcpy(head + 8, isid, sizeof isid);
	put32(head + 16, task);
	put32(head + 24, command_sn);
	put32(head + 28, expected_stat_sn);
	finish(length);
	receive_pdu();
	if (head[0] != LOGIN_RESPONSE)
		die("PDU 0x%02x in the login", head[0]);
	if (head[36] != 0)
		die("the login is refused: 0x%02x%02x", head[36], head[37]);
	if (head[1] != wanted)
		die("the login went to stage 0x%02x, not 0x%02x", head[1], wanted);
	if (expected_stat_sn == 0)
		expected_stat_sn = get32(head + 24);
	check_stat_sn(1);
	check_window();
	if (segment_length > TEXT_MAX || (segment_length > 0 && segment[segment_length - 1] != 0))
		die("the text of the login is not what it should be");
}

static uint8_t hex_digit(char digit) {
	const char *digits = "0123456789abcdef", *found = digit ? strchr(digits, digit | 0x20) : NULL;

	if (!found)
		die("CHAP_C is not hexadecimal");
	return (uint8_t)(found - digits);
}

static void prove(void) {
	char identifier[8], challenge[TEXT_MAX], proof[2 + 2 * MD5_BYTES + 1] = "0x";
	uint8_t message[MD5_MESSAGE_MAX - 64], digest[MD5_BYTES];
	size_t length = 0, digits;
	uint32_t at;

	exchange_login(0x00, add_text(0, "CHAP_A", "5"));
	expect_text("CHAP_A", "5");
	take_text("CHAP_I", identifier, sizeof identifier);
	take_text("CHAP_C", challenge, sizeof challenge);
	expect_no_more_text();
	digits = strlen(challenge);
	if (strncmp(challenge, "0x", 2) != 0 || digits % 2 != 0 || digits / 2 + strlen(secret) > sizeof message)
		die("CHAP_C cannot be used: %s", challenge);
	message[length++] = (uint8_t)atoi(identifier);
	memcpy(message + length, secret, strlen(secret));
	length += strlen(secret);
	for (size_t i = 2; i < digits; i += 2)
		message[length++] = (uint8_t)(hex_digit(challenge[i]) << 4 | hex_digit(challenge[i + 1]));
	md5(digest, message, length);
	for (int i = 0; i < MD5_BYTES; i++)
		sprintf(proof + 2 + 2 * i, "%02x", digest[i]);
	at = add_text(0, "CHAP_N", user);
	exchange_login(0x81, add_text(at, "CHAP_R", proof));
	expect_no_more_text();
}

static void negotiate(void) {
	static const char *const wishes[][2] = {
		{ "HeaderDigest", "None" },      { "DataDigest", "None" },          { "InitialR2T", "Yes" },
		{ "ImmediateData", "No" },       { "MaxBurstLength", "8192" },      { "FirstBurstLength", "4096" },
		{ "MaxOutstandingR2T", "1" },    { "MaxConnections", "1" },         { "DataPDUInOrder", "Yes" },
		{ "DataSequenceInOrder", "Yes" }, { "ErrorRecoveryLevel", "0" },
	};
	char value[16];
	uint32_t at = add_text(0, "MaxRecvDataSegmentLength", "4096");

	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
		at = add_text(at, wishes[i][0], wishes[i][1]);
	exchange_login(0x87, at);
	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
		if (strcmp(wishes[i][0], "FirstBurstLength") != 0)
			expect_text(wishes[i][0], wishes[i][1]);
	/* Without unsolicited data it means nothing, and a target may say so. */
	take_text("FirstBurstLength", value, sizeof value);
	take_text("MaxRecvDataSegmentLength", value, sizeof value);
	target_segment = (uint32_t)atoi(value);
	expect_no_more_text();
}

static void log_in(void) {
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int window = TCP_WINDOW, largest = TCP_SEGMENT;
	uint32_t at;

	inet_pton(AF_INET, host, &address.sin_addr);
	net = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(net, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
	setsockopt(net, IPPROTO_TCP, TCP_MAXSEG, &largest, sizeof largest);
	if (connect(net, (struct sockaddr *)&address, sizeof address) != 0)
		die("nobody listens at %s:%d", host, port);
	task = 1;
	command_sn = 1;
	expected_stat_sn = 0;
	at = add_text(0, "InitiatorName", INITIATOR);
	at = add_text(at, "TargetName", target);
	at = add_text(at, "SessionType", "Normal");
	exchange_login(0x00, add_text(at, "AuthMethod", "CHAP"));
	expect_text("AuthMethod", "CHAP");
	expect_text("TargetPortalGroupTag", "1");
	expect_no_more_text();
	prove();
	negotiate();
}

static void log_out(void) {
	begin(LOGOUT, FINAL);
	put32(head + 16, ++task);
	put32(head + 24, command_sn++);
	put32(head + 28, expected_stat_sn);
	finish(0);
	if (receive_for_task() != LOGOUT_RESPONSE || head[2] != 0)
		die("the logout was answered by PDU 0x%02x, %u", head[0], head[2]);
	check_stat_sn(1);
	close(net);
}

/* --- commands --- */

static void send_command(const uint8_t cdb[16], uint8_t direction, uint32_t bytes) {
	if ((int32_t)(last_command_sn - command_sn) < 0)
		die("the command window is closed to a client with nothing under way");
	begin(COMMAND, FINAL | direction | SIMPLE);
	put32(head + 16, ++task);
	put32(head + 20, bytes);
	put32(head + 24, command_sn++);
	put32(head + 28, expected_stat_sn);
	memcpy(head + 32, cdb, 16);
	finish(0);
}

/* What a response or the last Data-In says at its end: the status, and how many of the bytes did not come. */
static uint8_t take_status(uint32_t *missing) {
	check_stat_sn(1);
	if (head[1] & 0x1c)
		die("the residual flags are 0x%02x", head[1]);
	*missing = head[1] & 0x02 ? get32(head + 44) : 0;
	return head[3];
}

static uint8_t take_response(uint32_t *missing) {
	if (head[0] != RESPONSE)
		die("PDU 0x%02x in place of a response", head[0]);
	if (head[2] != 0)
		die("the target failed: response 0x%02x", head[2]);
	return take_status(missing);
}

typedef void take_data(const uint8_t *data, uint32_t offset, uint32_t length, void *with);

/* Runs a command that reads; `take` gets its data piece by piece. Returns the status; sense data is in `segment`. */
static uint8_t read_command(const uint8_t cdb[16], uint32_t bytes, take_data *take, void *with) {
	uint32_t offset = 0, data_sn = 0, burst = 0, missing = 0;
	uint8_t status;

	send_command(cdb, READS, bytes);
	while (receive_for_task() == DATA_IN) {
		if (get32(head + 36) != data_sn++ || get32(head + 40) != offset)
			die("Data-In %u at %u comes out of order", get32(head + 36), get32(head + 40));
		burst += segment_length;
		if (offset + segment_length > bytes || burst > BURST)
			die("more Data-In than asked for");
		take(segment, offset, segment_length, with);
		offset += segment_length;
		if (head[1] & FINAL)
			burst = 0;
		else if (head[1] & HAS_STATUS)
			die("a status before the end");
		if (head[1] & HAS_STATUS) {
			status = take_status(&missing);
			if (offset + missing != bytes)
				die("%u bytes came, %u are said to be missing, of %u", offset, missing, bytes);
			return status;
		}
	}
	status = take_response(&missing);
	if (status == GOOD && offset + missing != bytes)
		die("%u bytes came, %u are said to be missing, of %u", offset, missing, bytes);
	return status;
}

static void need_good(uint8_t status, const uint8_t cdb[16]) {
	if (status == CHECK_CONDITION && segment_length >= 16)
		die("command 0x%02x: sense %x/%02x/%02x", cdb[0], segment[4] & 0xf, segment[14], segment[15]);
	if (status != GOOD)
		die("command 0x%02x: status 0x%02x", cdb[0], status);
}

/* Puts address and count where the command of that length has them. */
static void make_cdb(uint8_t cdb[16], int is_write, int form, uint64_t lba, uint32_t blocks) {
	memset(cdb, 0, 16);
	if (form == 6) {
		put32(cdb, (uint32_t)lba);
		cdb[0] = is_write ? 0x0a : 0x08;
		cdb[4] = (uint8_t)blocks; /* 256 is written as 0 */
	} else if (form == 10) {
		cdb[0] = is_write ? 0x2a : 0x28;
		put32(cdb + 2, (uint32_t)lba);
		cdb[7] = (uint8_t)(blocks >> 8);
		cdb[8] = (uint8_t)blocks;
	} else {
		cdb[0] = is_write ? 0x8a : 0x88;
		put32(cdb + 2, (uint32_t)(lba >> 32));
		put32(cdb + 6, (uint32_t)lba);
		put32(cdb + 10, blocks);
	}
}

struct range {
	uint64_t lba;
	uint32_t seed;
};

static void compare(const uint8_t *data, uint32_t offset, uint32_t length, void *with) {
	const struct range *range = with;

	for (uint32_t i = 0; i < length; i++) {
		uint32_t at = offset + i;

		if (data[i] != pattern(range->lba + at / BLOCK, at % BLOCK, range->seed))
			die("wrong data in block %llu", (unsigned long long)(range->lba + at / BLOCK));
	}
}

static void read_blocks(int form, uint64_t lba, uint32_t blocks, uint32_t seed) {
	struct range range = { lba, seed };
	uint8_t cdb[16];

	make_cdb(cdb, 0, form, lba, blocks);
	need_good(read_command(cdb, blocks * BLOCK, compare, &range), cdb);
}

/* Answers one R2T. With `half` the last PDU ends in the middle, and so does the connection. */
static void send_burst(uint64_t lba, uint32_t seed, uint32_t offset, uint32_t length, uint32_t transfer, int half) {
	uint32_t most = target_segment < SEGMENT ? target_segment : SEGMENT, sent = 0;

	for (uint32_t data_sn = 0; sent < length; data_sn++) {
		uint32_t piece = length - sent < most ? length - sent : most;

		for (uint32_t i = 0; i < piece; i++)
			segment[i] = pattern(lba + (offset + sent + i) / BLOCK, (offset + sent + i) % BLOCK, seed);
		begin(DATA_OUT, sent + piece == length ? FINAL : 0);
		put32(head + 16, task);
		put32(head + 20, transfer);
		put32(head + 28, expected_stat_sn);
		put32(head + 36, data_sn);
		put32(head + 40, offset + sent);
		if (half) {
			put32(head + 4, piece);
			send_all(head, HEADER);
			send_all(segment, piece / 2);
			return;
		}
		finish(piece);
		sent += piece;
	}
}

static void write_blocks(int form, uint64_t lba, uint32_t blocks, uint32_t seed, int half) {
	uint32_t asked = 0, missing, bytes = blocks * BLOCK, requests = 0;
	uint8_t cdb[16];

	make_cdb(cdb, 1, form, lba, blocks);
	send_command(cdb, WRITES, bytes);
	while (receive_for_task() == R2T) {
		uint32_t offset = get32(head + 40), length = get32(head + 44);

		check_stat_sn(0);
		if (get32(head + 36) != requests++ || offset != asked || length == 0 || length > BURST || length > bytes - asked)
			die("R2T %u for %u bytes at %u", get32(head + 36), length, offset);
		send_burst(lba, seed, offset, length, get32(head + 20), half);
		if (half)
			return;
		asked += length;
	}
	need_good(take_response(&missing), cdb);
	if (asked != bytes || missing != 0)
		die("%u of %u bytes were asked for", asked, bytes);
}

static void keep(const uint8_t *data, uint32_t offset, uint32_t length, void *with) {
	memcpy((uint8_t *)with + offset, data, length);
}

/* A unit attention after a login is news, not an error. */
static void wait_until_ready(void) {
	uint8_t cdb[16] = { 0x00 }, status;

	for (int tries = 0; (status = read_command(cdb, 0, keep, NULL)) == CHECK_CONDITION && tries < 3; tries++)
		if (segment_length < 16 || (segment[2] & 0x7f) != 0x70 || (segment[4] & 0xf) != UNIT_ATTENTION)
			break;
	need_good(status, cdb);
}

/* What a USB host asks of a new disk. */
static void ask_capacity(void) {
	uint8_t inquiry[16] = { 0x12, [4] = 36 }, sense[16] = { 0x1a, [2] = 0x3f, [4] = 192 };
	uint8_t small[16] = { 0x25 }, large[16] = { 0x9e, 0x10, [13] = 32 }, answer[192] = { 0 };
	uint64_t last;

	need_good(read_command(inquiry, 36, keep, answer), inquiry);
	if (answer[0] != 0)
		die("LUN 0 is not a disk");
	need_good(read_command(sense, 192, keep, answer), sense);
	if (answer[2] & 0x80)
		die("the disk is write-protected");
	need_good(read_command(small, 8, keep, answer), small);
	last = get32(answer);
	if (get32(answer + 4) != BLOCK)
		die("blocks of %u bytes", get32(answer + 4));
	if (last == 0xffffffff) {
		need_good(read_command(large, 32, keep, answer), large);
		last = (uint64_t)get32(answer) << 32 | get32(answer + 4);
	}
	printf("%llu blocks\n", (unsigned long long)last + 1);
}

static void flush(void) {
	uint8_t cdb[16] = { 0x35 };

	need_good(read_command(cdb, 0, keep, NULL), cdb);
}

/* Nothing is said to the target: no FIN reaches it before the new login does. */
static void cut(int *old) {
	if (*old >= 0)
		close(*old);
	*old = net;
	log_in();
	wait_until_ready();
}

int main(int count, char **words) {
	int at = 6, old = -1;

	if (count < 7)
		die("usage: bridge HOST PORT TARGET USER SECRET COMMAND...");
	host = words[1];
	port = atoi(words[2]);
	target = words[3];
	user = words[4];
	secret = words[5];
	log_in();
	wait_until_ready();
	while (at < count) {
		const char *command = words[at++];
		int is_half = strcmp(command, "half") == 0;

		if (strcmp(command, "capacity") == 0) {
			ask_capacity();
		} else if (strcmp(command, "flush") == 0) {
			flush();
		} else if (strcmp(command, "cut") == 0) {
			cut(&old);
		} else if (at + 3 <= count) {
			uint64_t lba = strtoull(words[at], NULL, 10);
			uint32_t blocks = (uint32_t)atoi(words[at + 1]), seed = (uint32_t)atoi(words[at + 2]);

			at += 3;
			if (is_half) {
				write_blocks(10, lba, blocks, seed, 1);
				cut(&old);
			} else if (strncmp(command, "write", 5) == 0) {
				write_blocks(atoi(command + 5), lba, blocks, seed, 0);
			} else {
				read_blocks(atoi(command + 4), lba, blocks, seed);
			}
		} else {
			die("%s needs LBA, BLOCKS and SEED", command);
		}
	}
	log_out();
	return 0;
}
