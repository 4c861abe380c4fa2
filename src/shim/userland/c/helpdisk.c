/*
 * helpdisk IMAGE FILE...: makes an image of a small FAT12 disk with these files in its root folder.
 *
 * Nothing is mounted for it, so it works whatever has failed. Names are 8.3, each half all in capitals or all in small
 * letters. A file that does not fit loses its beginning: of a log the end matters.
 *
 *   sector 0      boot sector (no partition table, as on a floppy: every system takes that of a removable disk)
 *   1 .. 24       two FATs of 12 sectors
 *   25 .. 28      root folder: 64 entries
 *   29 .. 3999    clusters of one sector, from cluster 2 on
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	SECTOR = 512,
	SECTORS = 4000,
	FAT_SECTORS = 12,
	ROOT_ENTRIES = 64,
	ENTRY = 32,
	FAT_AT = 1,
	ROOT_AT = FAT_AT + 2 * FAT_SECTORS,
	DATA_AT = ROOT_AT + ROOT_ENTRIES * ENTRY / SECTOR,
	CLUSTERS = SECTORS - DATA_AT,
	FIRST_CLUSTER = 2,
	END_OF_CHAIN = 0xfff,
	FIXED_DISK = 0xf8,
	READ_ONLY = 0x01,
	VOLUME_LABEL = 0x08,
	SMALL_BASE = 0x08,
	SMALL_EXTENSION = 0x10,
	BASE_CHARS = 8,
	EXTENSION_CHARS = 3,
	FAT_YEAR_ZERO = 1980,
};

/* FAT12 has at most 4084 clusters; with more, a system would take it for FAT16. */
_Static_assert(CLUSTERS <= 4084, "too many clusters for FAT12");
_Static_assert((CLUSTERS + FIRST_CLUSTER) * 3 / 2 <= FAT_SECTORS * SECTOR, "the FAT is too small");

static uint8_t image[SECTORS * SECTOR];
static unsigned next_cluster = FIRST_CLUSTER;
static unsigned entries;

static void fail(const char *what)
{
	fprintf(stderr, "helpdisk: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = value & 0xff;
	at[1] = value >> 8 & 0xff;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value & 0xffff);
	put16(at + 2, value >> 16);
}

/* Two entries of 12 bits share three bytes. */
static void put_fat(unsigned cluster, unsigned value)
{
	for (int copy = 0; copy < 2; copy++) {
		uint8_t *at = image + (FAT_AT + copy * FAT_SECTORS) * SECTOR + cluster * 3 / 2;

		if (cluster & 1) {
			at[0] = (at[0] & 0x0f) | (value << 4 & 0xf0);
			at[1] = value >> 4;
		} else {
			at[0] = value & 0xff;
			at[1] = (at[1] & 0xf0) | value >> 8;
		}
	}
}

static uint8_t *new_entry(void)
{
	uint8_t *entry = image + ROOT_AT * SECTOR + entries * ENTRY;
	time_t now = time(NULL);
	const struct tm *t = gmtime(&now);

	if (entries++ == ROOT_ENTRIES) {
		errno = ENOSPC;
		fail("files");
	}
	memset(entry, ' ', BASE_CHARS + EXTENSION_CHARS);
	/* A Pi without a clock lives in 1970, which FAT does not know. */
	if (t && t->tm_year + 1900 >= FAT_YEAR_ZERO) {
		put16(entry + 22, t->tm_hour << 11 | t->tm_min << 5 | t->tm_sec / 2);
		put16(entry + 24, (t->tm_year + 1900 - FAT_YEAR_ZERO) << 9 | (t->tm_mon + 1) << 5 | t->tm_mday);
	} else {
		put16(entry + 24, 1 << 5 | 1);
	}
	return entry;
}

/* Copies one half of a name in capitals; returns whether it was in small letters. */
static int put_name(uint8_t *at, const char *from, size_t length, size_t room)
{
	int small = 0;

	if (length > room) {
		errno = ENAMETOOLONG;
		fail(from);
	}
	for (size_t i = 0; i < length; i++) {
		small |= islower((unsigned char)from[i]);
		at[i] = toupper((unsigned char)from[i]);
	}
	return small;
}

static void add_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const char *dot = strrchr(name, '.');
	size_t base = dot ? (size_t)(dot - name) : strlen(name);
	size_t room = (size_t)(FIRST_CLUSTER + CLUSTERS - next_cluster) * SECTOR;
	uint8_t *entry = new_entry();
	uint8_t *to = image + (DATA_AT + next_cluster - FIRST_CLUSTER) * SECTOR;
	int file = open(path, O_RDONLY);
	off_t size = file < 0 ? -1 : lseek(file, 0, SEEK_END);
	size_t length = 0;
	ssize_t got = 1;

	if (size < 0 || lseek(file, size > (off_t)room ? size - (off_t)room : 0, SEEK_SET) < 0)
		fail(path);
	while (length < room && (got = read(file, to + length, room - length)) > 0)
		length += got;
	if (got < 0)
		fail(path);
	close(file);

	if (put_name(entry, name, base, BASE_CHARS))
		entry[12] |= SMALL_BASE;
	if (dot && put_name(entry + BASE_CHARS, dot + 1, strlen(dot + 1), EXTENSION_CHARS))
		entry[12] |= SMALL_EXTENSION;
	entry[11] = READ_ONLY;
	put32(entry + 28, length);
	if (length == 0)
		return;
	put16(entry + 26, next_cluster);
	for (size_t done = SECTOR; done < length; done += SECTOR, next_cluster++)
		put_fat(next_cluster, next_cluster + 1);
	put_fat(next_cluster++, END_OF_CHAIN);
}

/* Other content, another number: that is how a computer knows that the disk was changed under it. */
static uint32_t volume_number(void)
{
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < sizeof(image); i++)
		sum = (sum ^ image[i]) * 16777619u;
	return sum;
}

static void put_boot_sector(void)
{
	static const uint8_t start[] = { 0xeb, 0x3c, 0x90, 'P', 'I', 'N', 'E', 'T', 'B', 'T', ' ' };
	static const char label[] = "PINETBOOT  FAT12   ";

	memcpy(image, start, sizeof(start));
	put16(image + 11, SECTOR);
	image[13] = 1; /* sectors of a cluster */
	put16(image + 14, FAT_AT);
	image[16] = 2; /* FATs */
	put16(image + 17, ROOT_ENTRIES);
	put16(image + 19, SECTORS);
	image[21] = FIXED_DISK;
	put16(image + 22, FAT_SECTORS);
	put16(image + 24, 32); /* sectors of a track: nobody asks any more */
	put16(image + 26, 2); /* heads */
	image[36] = 0x80; /* BIOS number of a hard disk */
	image[38] = 0x29; /* the three fields below are there */
	memcpy(image + 43, label, sizeof(label) - 1);
	image[510] = 0x55;
	image[511] = 0xaa;
	put32(image + 39, volume_number());
}

int main(int argc, char **argv)
{
	uint8_t *label;
	int out;

	if (argc < 2) {
		fputs("helpdisk IMAGE FILE...\n", stderr);
		return 1;
	}
	put_fat(0, 0xf00 | FIXED_DISK);
	put_fat(1, END_OF_CHAIN);
	label = new_entry();
	memcpy(label, "PINETBOOT", 9);
	label[11] = VOLUME_LABEL;
	for (int i = 2; i < argc; i++)
		add_file(argv[i]);
	put_boot_sector();

	out = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (out < 0)
		fail(argv[1]);
	for (size_t done = 0; done < sizeof(image);) {
		ssize_t put = write(out, image + done, sizeof(image) - done);

		if (put < 0)
			fail(argv[1]);
		done += put;
	}
	if (close(out) != 0)
		fail(argv[1]);
	return 0;
}
