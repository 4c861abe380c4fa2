/*
 * A device tree in memory: read from its flattened form (devicetree specification, chapter 5), changed, flattened again.
 * Programs that use it run once and end: nothing is ever freed, and a broken base tree ends them.
 */
#ifndef TREE_H
#define TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct property {
	struct property *next;
	char *name;
	unsigned char *data;
	size_t size;
};

struct node {
	struct node *next, *children, *parent;
	struct property *properties;
	char *name;
};

struct reserved {
	uint64_t address, size;
};

struct tree {
	struct node *root;
	struct reserved *reserved;
	size_t reserved_count;
};

/* Says what is wrong on stderr, after the program's name, and ends the program. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void *allocate(size_t size);
char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The whole of a file, with a NUL after it; NULL when it cannot be read. */
unsigned char *read_file(const char *path, size_t *size);

/* NULL and a message on stderr when the bytes are not a device tree. */
struct tree *tree_read(const unsigned char *bytes, size_t size, const char *name);
/* The flattened tree; `size` gets its length. */
unsigned char *tree_flatten(const struct tree *tree, size_t *size);
void tree_reserve(struct tree *tree, uint64_t address, uint64_t size);

/* "/soc/serial@7e201000", or an alias in place of the first part. A name without @ matches one with it. */
struct node *tree_find(const struct tree *tree, const char *path);
struct node *node_child(const struct node *node, const char *name);
struct node *node_add(struct node *parent, const char *name);
struct node *node_by_phandle(struct node *node, uint32_t phandle);
uint32_t node_phandle(const struct node *node);
uint32_t highest_phandle(const struct node *node);
char *node_path(const struct node *node);
bool node_is_compatible(const struct node *node, const char *compatible);

struct property *property_find(const struct node *node, const char *name);
struct property *property_set(struct node *node, const char *name, const void *data, size_t size);
void property_set_text(struct node *node, const char *name, const char *text);
void property_remove(struct node *node, const char *name);
/* The text of a property; NULL when it is not there or not a text. */
const char *property_text(const struct node *node, const char *name);

uint32_t get_cell(const unsigned char *at);
void put_cell(unsigned char *at, uint32_t value);
/* One cell of a property, or `otherwise`. */
uint32_t property_cell(const struct node *node, const char *name, uint32_t otherwise);

#endif
