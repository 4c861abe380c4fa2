/*
 * font CONSOLE FACTOR: letters FACTOR times as large as they are now; 1 gives the kernel's own font back.
 * From the font that the console has: a font file of its own would be larger than this program.
 */
#include <fcntl.h>
#include <linux/kd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* The kernel's limits, drivers/tty/vt/vt.c; a glyph is as many rows apart as the request says. */
#define MAX_WIDTH 64
#define MAX_HEIGHT 128
#define MAX_GLYPHS 512
/* KD_FONT_OP_GET gives every glyph 32 rows. */
#define ROWS_READ 32

static unsigned char small[MAX_GLYPHS * ROWS_READ * ROWS_READ / 8];
static unsigned char large[MAX_GLYPHS * MAX_HEIGHT * MAX_WIDTH / 8];

static void enlarge(const struct console_font_op *from, const struct console_font_op *to, unsigned factor)
{
	unsigned from_pitch = (from->width + 7) / 8, to_pitch = (to->width + 7) / 8, glyph, row, column;

	for (glyph = 0; glyph < from->charcount; glyph++) {
		const unsigned char *in = small + glyph * ROWS_READ * from_pitch;
		unsigned char *out = large + glyph * to->height * to_pitch;

		for (row = 0; row < to->height; row++)
			for (column = 0; column < to->width; column++)
				if (in[row / factor * from_pitch + column / factor / 8] & 0x80 >> column / factor % 8)
					out[row * to_pitch + column / 8] |= 0x80 >> column % 8;
	}
}

int main(int argc, char **argv)
{
	struct console_font_op now = { .op = KD_FONT_OP_GET, .width = ROWS_READ, .height = ROWS_READ,
				       .charcount = MAX_GLYPHS, .data = small };
	struct console_font_op next;
	unsigned factor = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	int console;

	if (factor < 1 || (console = open(argv[1], O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) {
		fputs("font CONSOLE FACTOR\n", stderr);
		return 2;
	}
	if (factor == 1) {
		memset(&next, 0, sizeof(next));
		next.op = KD_FONT_OP_SET_DEFAULT;
	} else {
		if (ioctl(console, KDFONTOP, &now) < 0) {
			perror("font: reading it");
			return 1;
		}
		next = now;
		next.op = KD_FONT_OP_SET_TALL;
		next.width *= factor;
		next.height *= factor;
		next.data = large;
		if (next.width > MAX_WIDTH || next.height > MAX_HEIGHT) {
			fputs("font: the kernel takes none that large\n", stderr);
			return 1;
		}
		enlarge(&now, &next, factor);
	}
	if (ioctl(console, KDFONTOP, &next) < 0) {
		perror("font: setting it");
		return 1;
	}
	return 0;
}
