/* Overlays and parameters as Raspberry Pi's firmware applies them (its documentation: "Device Trees, overlays, and parameters"). */
#ifndef OVERLAY_H
#define OVERLAY_H

#include "tree.h"

/* A place in an overlay that holds the phandle of one of its own nodes. */
struct reference {
	struct property *property;
	size_t at;
};

struct overlay {
	const char *name;
	struct tree *tree;
	struct reference *references;
	size_t reference_count;
};

enum outcome { DONE, UNKNOWN, FAILED };

/* NULL and a message on stderr when it does not fit the base tree, which may have got new phandles but no other change. */
struct overlay *overlay_open(struct tree *base, const unsigned char *bytes, size_t size, const char *name);
/* All of it or, with a message, nothing. */
bool overlay_merge(struct tree *base, struct overlay *overlay);

/*
 * Sets a parameter that the tree's __overrides__ declare; nodes are looked for in the tree, then in `base`.
 * UNKNOWN without a message when there is none of that name.
 */
enum outcome parameter_set(struct tree *tree, struct tree *base, const char *name, const char *value);

#endif
