/* Where in memory the next kernel may lie. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "tree.h"

struct range {
	/* `end` is the first address behind it. */
	uint64_t start, end;
};

struct memory {
	struct range *ram, *taken;
	size_t ram_count, taken_count;
};

/* Reads a file in the form of /proc/iomem; false when it names no memory. */
bool memory_read(struct memory *memory, const char *iomem);
/* What the next kernel's own tree says must be left alone. */
void memory_avoid_tree(struct memory *memory, const struct tree *tree);
void memory_take(struct memory *memory, uint64_t start, uint64_t size);
/* The lowest free place from `least` on, which is taken then; false when there is none. */
bool memory_find(struct memory *memory, uint64_t size, uint64_t alignment, uint64_t least, uint64_t *found);

#endif
