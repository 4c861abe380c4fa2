#include "tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, NOP = 4, END = 9 };
enum {
	MAGIC = 0,
	TOTAL_SIZE = 4,
	STRUCTURE_OFFSET = 8,
	STRINGS_OFFSET = 12,
	RESERVED_OFFSET = 16,
	VERSION = 20,
	LAST_VERSION = 24,
	BOOT_CPU = 28,
	STRINGS_SIZE = 32,
	STRUCTURE_SIZE = 36,
	HEADER_SIZE = 40,
};

#define TREE_MAGIC 0xd00dfeedu
/* The version that every kernel of the last ten years reads and writes. */
#define TREE_VERSION 17
#define TREE_LAST_VERSION 16
/* Deeper than any board's tree; a hostile one must not exhaust the stack. */
#define DEPTH_MAX 64

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

void *allocate(size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (!memory)
		die("out of memory");
	return memory;
}

char *text_of(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		die("out of memory");
	va_end(arguments);
	return text;
}

unsigned char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	unsigned char *bytes = NULL;
	size_t room = 0, got;

	*size = 0;
	if (!file)
		return NULL;
	do {
		room = room ? room * 2 : 1 << 16;
		bytes = realloc(bytes, room + 1);
		if (!bytes)
			die("out of memory");
		got = fread(bytes + *size, 1, room - *size, file);
		*size += got;
	} while (*size == room);
	if (ferror(file))
		die("%s cannot be read", path);
	fclose(file);
	bytes[*size] = '\0';
	return bytes;
}

uint32_t get_cell(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void put_cell(unsigned char *at, uint32_t value)
{
	at[0] = value >> 24;
	at[1] = value >> 16;
	at[2] = value >> 8;
	at[3] = value;
}

static size_t aligned(size_t at)
{
	return (at + 3) & ~(size_t)3;
}

/* What is being read: every offset is checked against `end` before it is used. */
struct reader {
	const unsigned char *bytes;
	size_t at, end;
	const char *strings;
	size_t strings_size;
};

static bool read_cell(struct reader *reader, uint32_t *value)
{
	if (reader->end - reader->at < 4)
		return false;
	*value = get_cell(reader->bytes + reader->at);
	reader->at += 4;
	return true;
}

static bool read_property(struct reader *reader, struct node *node)
{
	uint32_t size, name;

	if (!read_cell(reader, &size) || !read_cell(reader, &name))
		return false;
	if (size > reader->end - reader->at || name >= reader->strings_size)
		return false;
	if (!memchr(reader->strings + name, '\0', reader->strings_size - name))
		return false;
	property_set(node, reader->strings + name, reader->bytes + reader->at, size);
	reader->at = aligned(reader->at + size);
	return reader->at <= reader->end;
}

/* The first token of the node has been read already. */
static struct node *read_node(struct reader *reader, struct node *parent, int depth)
{
	const char *name = (const char *)reader->bytes + reader->at;
	const char *end = memchr(name, '\0', reader->end - reader->at);
	struct node *node;
	uint32_t token;

	if (!end || depth > DEPTH_MAX)
		return NULL;
	node = allocate(sizeof(*node));
	node->name = text_of("%s", name);
	node->parent = parent;
	reader->at = aligned(reader->at + (end - name) + 1);
	if (reader->at > reader->end)
		return NULL;
	struct node **last = &node->children;
	while (read_cell(reader, &token)) {
		switch (token) {
		case NOP:
			break;
		case PROPERTY:
			if (!read_property(reader, node))
				return NULL;
			break;
		case BEGIN_NODE:
			*last = read_node(reader, node, depth + 1);
			if (!*last)
				return NULL;
			last = &(*last)->next;
			break;
		case END_NODE:
			return node;
		default:
			return NULL;
		}
	}
	return NULL;
}

static bool read_reserved(struct tree *tree, const unsigned char *bytes, size_t at, size_t end)
{
	for (; at <= end && end - at >= 16; at += 16) {
		uint64_t address = (uint64_t)get_cell(bytes + at) << 32 | get_cell(bytes + at + 4);
		uint64_t size = (uint64_t)get_cell(bytes + at + 8) << 32 | get_cell(bytes + at + 12);

		if (!address && !size)
			return true;
		tree_reserve(tree, address, size);
	}
	return false;
}

struct tree *tree_read(const unsigned char *bytes, size_t size, const char *name)
{
	struct reader reader = { .bytes = bytes };
	struct tree *tree = allocate(sizeof(*tree));
	uint32_t token;
	size_t total, strings;

	if (size < HEADER_SIZE || get_cell(bytes + MAGIC) != TREE_MAGIC) {
		fprintf(stderr, "%s is not a device tree\n", name);
		return NULL;
	}
	total = get_cell(bytes + TOTAL_SIZE);
	strings = get_cell(bytes + STRINGS_OFFSET);
	reader.at = get_cell(bytes + STRUCTURE_OFFSET);
	reader.end = total;
	reader.strings_size = get_cell(bytes + STRINGS_SIZE);
	if (total > size || strings > total || reader.strings_size > total - strings || reader.at > total)
		goto broken;
	reader.strings = (const char *)bytes + strings;
	if (!read_reserved(tree, bytes, get_cell(bytes + RESERVED_OFFSET), total))
		goto broken;
	do {
		if (!read_cell(&reader, &token))
			goto broken;
	} while (token == NOP);
	if (token == BEGIN_NODE)
		tree->root = read_node(&reader, NULL, 0);
	if (tree->root)
		return tree;
broken:
	fprintf(stderr, "%s is a broken device tree\n", name);
	return NULL;
}

/* Bytes that grow. */
struct buffer {
	unsigned char *bytes;
	size_t size, room;
};

static size_t append(struct buffer *buffer, const void *data, size_t size)
{
	size_t at = buffer->size;

	if (buffer->room - buffer->size < size) {
		buffer->room = (buffer->room + size) * 2;
		buffer->bytes = realloc(buffer->bytes, buffer->room);
		if (!buffer->bytes)
			die("out of memory");
	}
	if (data)
		memcpy(buffer->bytes + at, data, size);
	else
		memset(buffer->bytes + at, 0, size);
	buffer->size += size;
	return at;
}

static void append_cell(struct buffer *buffer, uint32_t value)
{
	unsigned char cell[4];

	put_cell(cell, value);
	append(buffer, cell, sizeof(cell));
}

static void append_padded(struct buffer *buffer, const void *data, size_t size)
{
	append(buffer, data, size);
	append(buffer, NULL, aligned(buffer->size) - buffer->size);
}

static uint32_t string_at(struct buffer *strings, const char *name)
{
	for (size_t at = 0; at < strings->size; at += strlen((char *)strings->bytes + at) + 1)
		if (!strcmp((char *)strings->bytes + at, name))
			return at;
	return append(strings, name, strlen(name) + 1);
}

static void flatten_node(const struct node *node, struct buffer *structure, struct buffer *strings)
{
	append_cell(structure, BEGIN_NODE);
	append_padded(structure, node->name, strlen(node->name) + 1);
	for (const struct property *each = node->properties; each; each = each->next) {
		append_cell(structure, PROPERTY);
		append_cell(structure, each->size);
		append_cell(structure, string_at(strings, each->name));
		append_padded(structure, each->data, each->size);
	}
	for (const struct node *child = node->children; child; child = child->next)
		flatten_node(child, structure, strings);
	append_cell(structure, END_NODE);
}

unsigned char *tree_flatten(const struct tree *tree, size_t *size)
{
	struct buffer structure = { 0 }, strings = { 0 }, whole = { 0 };

	flatten_node(tree->root, &structure, &strings);
	append_cell(&structure, END);
	append(&whole, NULL, HEADER_SIZE);
	size_t reserved = whole.size;
	for (size_t i = 0; i <= tree->reserved_count; i++) {
		struct reserved last = { 0 };
		const struct reserved *each = i < tree->reserved_count ? &tree->reserved[i] : &last;

		append_cell(&whole, each->address >> 32);
		append_cell(&whole, each->address);
		append_cell(&whole, each->size >> 32);
		append_cell(&whole, each->size);
	}
	size_t structure_at = append(&whole, structure.bytes, structure.size);
	size_t strings_at = append(&whole, strings.bytes, strings.size);
	append(&whole, NULL, aligned(whole.size) - whole.size);

	const struct { int at; uint32_t value; } header[] = {
		{ MAGIC, TREE_MAGIC },
		{ TOTAL_SIZE, whole.size },
		{ STRUCTURE_OFFSET, structure_at },
		{ STRINGS_OFFSET, strings_at },
		{ RESERVED_OFFSET, reserved },
		{ VERSION, TREE_VERSION },
		{ LAST_VERSION, TREE_LAST_VERSION },
		{ BOOT_CPU, 0 },
		{ STRINGS_SIZE, strings.size },
		{ STRUCTURE_SIZE, structure.size },
	};
	for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
		put_cell(whole.bytes + header[i].at, header[i].value);
	*size = whole.size;
	return whole.bytes;
}

void tree_reserve(struct tree *tree, uint64_t address, uint64_t size)
{
	for (size_t i = 0; i < tree->reserved_count; i++)
		if (tree->reserved[i].address == address && tree->reserved[i].size == size)
			return;
	tree->reserved = realloc(tree->reserved, (tree->reserved_count + 1) * sizeof(*tree->reserved));
	if (!tree->reserved)
		die("out of memory");
	tree->reserved[tree->reserved_count++] = (struct reserved){ address, size };
}

static struct node *child_named(const struct node *node, const char *name, size_t length)
{
	for (struct node *child = node->children; child; child = child->next)
		if (!strncmp(child->name, name, length) && !child->name[length])
			return child;
	if (memchr(name, '@', length))
		return NULL;
	for (struct node *child = node->children; child; child = child->next)
		if (!strncmp(child->name, name, length) && child->name[length] == '@')
			return child;
	return NULL;
}

struct node *tree_find(const struct tree *tree, const char *path)
{
	struct node *node = tree->root;

	if (*path != '/') {
		size_t length = strcspn(path, "/:");
		struct node *aliases = child_named(tree->root, "aliases", strlen("aliases"));
		const char *aliased = aliases ? property_text(aliases, text_of("%.*s", (int)length, path)) : NULL;

		if (!aliased || *aliased != '/')
			return NULL;
		node = tree_find(tree, aliased);
		path += length;
	}
	while (node && *path && *path != ':') {
		while (*path == '/')
			path++;
		size_t length = strcspn(path, "/:");
		if (length)
			node = child_named(node, path, length);
		path += length;
	}
	return node;
}

struct node *node_child(const struct node *node, const char *name)
{
	return child_named(node, name, strlen(name));
}

struct node *node_add(struct node *parent, const char *name)
{
	struct node **last = &parent->children;

	for (; *last; last = &(*last)->next)
		if (!strcmp((*last)->name, name))
			return *last;
	*last = allocate(sizeof(**last));
	(*last)->name = text_of("%s", name);
	(*last)->parent = parent;
	return *last;
}

uint32_t node_phandle(const struct node *node)
{
	return property_cell(node, "phandle", property_cell(node, "linux,phandle", 0));
}

struct node *node_by_phandle(struct node *node, uint32_t phandle)
{
	if (phandle && node_phandle(node) == phandle)
		return node;
	for (struct node *child = node->children; child; child = child->next) {
		struct node *found = node_by_phandle(child, phandle);

		if (found)
			return found;
	}
	return NULL;
}

uint32_t highest_phandle(const struct node *node)
{
	uint32_t highest = node_phandle(node);

	for (const struct node *child = node->children; child; child = child->next) {
		uint32_t below = highest_phandle(child);

		if (below > highest && below != UINT32_MAX)
			highest = below;
	}
	return highest;
}

char *node_path(const struct node *node)
{
	if (!node->parent)
		return text_of("/");
	if (!node->parent->parent)
		return text_of("/%s", node->name);
	return text_of("%s/%s", node_path(node->parent), node->name);
}

bool node_is_compatible(const struct node *node, const char *compatible)
{
	const struct property *list = property_find(node, "compatible");

	if (!list || !list->size || list->data[list->size - 1])
		return false;
	for (size_t at = 0; at < list->size; at += strlen((char *)list->data + at) + 1)
		if (!strcmp((char *)list->data + at, compatible))
			return true;
	return false;
}

struct property *property_find(const struct node *node, const char *name)
{
	for (struct property *each = node->properties; each; each = each->next)
		if (!strcmp(each->name, name))
			return each;
	return NULL;
}

struct property *property_set(struct node *node, const char *name, const void *data, size_t size)
{
	struct property **last = &node->properties;
	unsigned char *copy = allocate(size);

	if (size)
		memcpy(copy, data, size);
	while (*last && strcmp((*last)->name, name))
		last = &(*last)->next;
	if (!*last) {
		*last = allocate(sizeof(**last));
		(*last)->name = text_of("%s", name);
	}
	(*last)->data = copy;
	(*last)->size = size;
	return *last;
}

void property_set_text(struct node *node, const char *name, const char *text)
{
	property_set(node, name, text, strlen(text) + 1);
}

void property_remove(struct node *node, const char *name)
{
	for (struct property **at = &node->properties; *at; at = &(*at)->next)
		if (!strcmp((*at)->name, name)) {
			*at = (*at)->next;
			return;
		}
}

const char *property_text(const struct node *node, const char *name)
{
	const struct property *found = property_find(node, name);

	return found && found->size && !found->data[found->size - 1] ? (const char *)found->data : NULL;
}

uint32_t property_cell(const struct node *node, const char *name, uint32_t otherwise)
{
	const struct property *found = property_find(node, name);

	return found && found->size >= 4 ? get_cell(found->data) : otherwise;
}
