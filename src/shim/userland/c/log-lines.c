/*
 * open-iscsi writes a message in pieces, and /dev/kmsg makes a record of every write: so pieces are held to the line.
 */
#include <stdio.h>

enum { LINE_MAX_BYTES = 1024 };

__attribute__((constructor)) static void write_whole_lines(void)
{
	static char line[LINE_MAX_BYTES];

	setvbuf(stderr, line, _IOLBF, sizeof(line));
}
