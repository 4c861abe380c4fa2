/* arm64's kernel Image (Linux: Documentation/arch/arm64/booting). */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image {
	const unsigned char *bytes;
	size_t file_size;
	/* From a 2 MiB boundary. */
	uint64_t text_offset;
	/* Memory that it takes, what is not in the file included. */
	uint64_t size;
	/* 4, 16 or 64; 0 when it does not say. */
	unsigned page_kib;
};

/* False when the bytes are not a little-endian arm64 Image. */
bool image_read(struct image *image, const unsigned char *bytes, size_t size);
/* The release in its banner, as uname -r will say; NULL when there is none. */
char *image_release(const struct image *image);

#endif
