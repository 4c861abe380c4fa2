#include "image.h"

#include <ctype.h>
#include <string.h>

#include "tree.h"

enum { TEXT_OFFSET = 8, IMAGE_SIZE = 16, FLAGS = 24, MAGIC = 56, HEADER_SIZE = 64 };
/* The longest that uname gives. */
enum { RELEASE_MAX = 64 };

static uint64_t get_little(const unsigned char *at, size_t size)
{
	uint64_t number = 0;

	while (size)
		number = number << 8 | at[--size];
	return number;
}

bool image_read(struct image *image, const unsigned char *bytes, size_t size)
{
	static const unsigned page_kibs[] = { 0, 4, 16, 64 };
	uint64_t flags;

	if (size < HEADER_SIZE || memcmp(bytes + MAGIC, "ARM\x64", 4))
		return false;
	flags = get_little(bytes + FLAGS, 8);
	if (flags & 1)
		return false;
	image->bytes = bytes;
	image->file_size = size;
	image->text_offset = get_little(bytes + TEXT_OFFSET, 8);
	image->size = get_little(bytes + IMAGE_SIZE, 8);
	/* Kernels before 3.17 say nothing: none of them knows a Pi 3. */
	if (image->size < size)
		image->size = size;
	image->page_kib = page_kibs[flags >> 1 & 3];
	return true;
}

char *image_release(const struct image *image)
{
	static const char banner[] = "Linux version ";
	const unsigned char *at = image->bytes, *end = at + image->file_size;

	while ((at = memmem(at, end - at, banner, strlen(banner)))) {
		size_t length = 0;

		at += strlen(banner);
		while (at + length < end && length < RELEASE_MAX && at[length] > ' ' && at[length] <= '~')
			length++;
		/* Other strings of the kernel begin like its banner; only a version begins with a digit. */
		if (length && isdigit(at[0]))
			return text_of("%.*s", (int)length, at);
	}
	return NULL;
}
