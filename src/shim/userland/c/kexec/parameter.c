/*
 * Parameters of a device tree or overlay. A property of __overrides__ lists what a parameter changes:
 *
 *   phandle, "property" [kind [offset]] [= literal | { lookup }]     one change
 *   0, "+1-2=3!4"                                                    switches fragments on and off
 */
#include "overlay.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Ends the property's name in a declaration. */
#define NAME_END ".;:#?![{="
#define ADDRESS_CELLS_MAX 2

static const char *const TRUE_WORDS[] = { "y", "yes", "on", "true", "enable", "enabled", "okay" };
static const char *const FALSE_WORDS[] = { "n", "no", "off", "false", "disable", "disabled", "down" };

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcasecmp(word, words[i]))
			return true;
	return false;
}

/* A number, or a word for true or false. */
static bool number_of(const char *value, uint64_t *number)
{
	char *end;

	if (is_one_of(value, TRUE_WORDS, sizeof(TRUE_WORDS) / sizeof(TRUE_WORDS[0])))
		*number = 1;
	else if (is_one_of(value, FALSE_WORDS, sizeof(FALSE_WORDS) / sizeof(FALSE_WORDS[0])))
		*number = 0;
	else {
		*number = *value == '-' ? (uint64_t)strtoll(value, &end, 0) : strtoull(value, &end, 0);
		return end != value && !*end;
	}
	return true;
}

/* A declaration, read from left to right; strings in it end with NUL and may be followed by a cell. */
struct cursor {
	const unsigned char *at, *end;
};

static bool at_end(const struct cursor *cursor)
{
	return cursor->at >= cursor->end;
}

static bool take_cell(struct cursor *cursor, uint32_t *value)
{
	if (cursor->end - cursor->at < 4)
		return false;
	*value = get_cell(cursor->at);
	cursor->at += 4;
	return true;
}

/* Text up to one of `ends` or NUL, which is not taken; quotes hold such letters together. */
static char *take_text(struct cursor *cursor, const char *ends)
{
	char *text = allocate(cursor->end - cursor->at + 1);
	size_t length = 0;

	if (!at_end(cursor) && *cursor->at == '\'') {
		for (cursor->at++; !at_end(cursor) && *cursor->at && *cursor->at != '\''; cursor->at++)
			text[length++] = *cursor->at;
		if (!at_end(cursor) && *cursor->at == '\'')
			cursor->at++;
	}
	for (; !at_end(cursor) && *cursor->at && !strchr(ends, *cursor->at); cursor->at++)
		text[length++] = *cursor->at;
	return text;
}

/* What follows a '=': text, or, when the string ends there, a cell. */
static bool take_literal(struct cursor *cursor, const char *ends, char **literal, bool *is_cell)
{
	uint32_t cell;

	*is_cell = !at_end(cursor) && !*cursor->at;
	if (!*is_cell) {
		*literal = take_text(cursor, ends);
		return true;
	}
	cursor->at++;
	if (!take_cell(cursor, &cell))
		return false;
	*literal = text_of("%u", cell);
	return true;
}

/* "{key=value,key,=otherwise,}" after its brace: NULL when the value is not among the keys. */
static char *look_up(struct cursor *cursor, const char *value)
{
	char *found = NULL, *otherwise = NULL;

	while (!at_end(cursor)) {
		char *key = take_text(cursor, "=,}"), *meaning = key;
		bool has_meaning = !at_end(cursor) && *cursor->at == '=', is_cell = false;

		if (has_meaning) {
			cursor->at++;
			if (!take_literal(cursor, ",}", &meaning, &is_cell))
				return NULL;
		}
		if (*key && !strcmp(key, value))
			found = found ? found : meaning;
		else if (!*key)
			otherwise = has_meaning ? meaning : text_of("%s", value);
		if (at_end(cursor))
			return NULL;
		if (*cursor->at == '}')
			break;
		/* After a cell the comma is implied. */
		if (!is_cell && *cursor->at == ',')
			cursor->at++;
		else if (!is_cell)
			return NULL;
	}
	if (!at_end(cursor))
		cursor->at++;
	return found ? found : otherwise;
}

static void set_integer(struct node *node, const char *name, size_t size, size_t at, uint64_t number)
{
	struct property *property = property_find(node, name);
	size_t whole = property ? property->size : 0;
	unsigned char *bytes = allocate(whole > at + size ? whole : at + size);

	if (property)
		memcpy(bytes, property->data, whole);
	for (size_t i = 0; i < size; i++)
		bytes[at + i] = number >> 8 * (size - 1 - i);
	property_set(node, name, bytes, whole > at + size ? whole : at + size);
}

static bool set_bytes(struct node *node, const char *name, const char *hex)
{
	unsigned char *bytes = allocate(strlen(hex) / 2 + 1);
	size_t size = 0;

	while (*hex) {
		char pair[3] = { hex[0], hex[1], '\0' };

		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
			return false;
		bytes[size++] = strtoul(pair, NULL, 16);
		hex += 2;
		if (*hex == ':')
			hex++;
	}
	property_set(node, name, bytes, size);
	return true;
}

static void set_text(struct node *node, const char *name, const char *value)
{
	const char *before = property_text(node, name);
	uint64_t number;

	if (!strcmp(name, "status") && number_of(value, &number))
		value = number ? "okay" : "disabled";
	if (!strcmp(name, "name"))
		node->name = text_of("%s", value);
	else if (!strcmp(name, "bootargs") && before && *before)
		property_set_text(node, name, text_of("%s %s", before, value));
	else
		property_set_text(node, name, value);
}

/* A node is named by its address: several instances of an overlay differ in nothing else. */
static void rename_by_address(struct node *node, uint64_t address)
{
	size_t length = strcspn(node->name, "@");

	if (node->name[length])
		node->name = text_of("%.*s@%llx", (int)length, node->name, (unsigned long long)address);
}

/* Sizes of integers by their kind. */
static size_t integer_size(char kind)
{
	return kind == '.' ? 1 : kind == ';' ? 2 : kind == ':' ? 4 : kind == '#' ? 8 : 0;
}

/* Takes one declaration after its phandle and does what it says. */
static bool change(struct cursor *cursor, struct node *node, const char *value)
{
	char *name = take_text(cursor, NAME_END), *literal;
	char kind = at_end(cursor) ? '\0' : *cursor->at;
	unsigned long at = 0;
	uint64_t number = 0;
	bool is_cell = false;

	if (kind && !strchr("{=", kind)) {
		cursor->at++;
		at = strtoul((const char *)cursor->at, NULL, 0);
		while (!at_end(cursor) && isxdigit(*cursor->at))
			cursor->at++;
		if (!at_end(cursor) && *cursor->at == 'x')
			for (cursor->at++; !at_end(cursor) && isxdigit(*cursor->at);)
				cursor->at++;
	}
	if (!at_end(cursor) && *cursor->at == '{') {
		cursor->at++;
		value = look_up(cursor, value);
	} else if (!at_end(cursor) && *cursor->at == '=') {
		cursor->at++;
		value = take_literal(cursor, "", &literal, &is_cell) ? literal : NULL;
	}
	/* A cell ends the declaration by itself, a string by its NUL. */
	if (!value || (!is_cell && (at_end(cursor) || *cursor->at++)))
		return false;
	if (kind == '[')
		return set_bytes(node, name, value);
	if (kind == '?' || kind == '!') {
		if (!number_of(value, &number))
			return false;
		if (!number == (kind == '!'))
			property_set(node, name, NULL, 0);
		else
			property_remove(node, name);
		return true;
	}
	if (!integer_size(kind)) {
		set_text(node, name, value);
		return true;
	}
	/* No property of a tree is that long. */
	if (at > UINT16_MAX || !number_of(value, &number))
		return false;
	set_integer(node, name, integer_size(kind), at, number);
	if (!strcmp(name, "reg") && at < 4 * ADDRESS_CELLS_MAX)
		rename_by_address(node, number);
	return true;
}

/* "+1-2=3!4": fragments that are off have another name for their body. */
static bool switch_fragments(struct cursor *cursor, struct tree *tree, const char *value)
{
	for (; !at_end(cursor) && *cursor->at;) {
		char operation = *cursor->at++, *end;
		uint64_t truth = 1;
		unsigned long which = strtoul((const char *)cursor->at, &end, 10);
		struct node *fragment = node_child(tree->root, text_of("fragment@%lu", which));
		struct node *body;

		if (end == (const char *)cursor->at || !strchr("+-=!", operation) || !fragment)
			return false;
		if (strchr("=!", operation) && !number_of(value, &truth))
			return false;
		cursor->at = (const unsigned char *)end;
		body = node_child(fragment, "__overlay__");
		if (!body)
			body = node_child(fragment, "__dormant__");
		if (!body)
			return false;
		bool on = operation == '+' || (operation == '=' && truth) || (operation == '!' && !truth);
		body->name = text_of("%s", on ? "__overlay__" : "__dormant__");
	}
	if (at_end(cursor))
		return false;
	cursor->at++;
	return true;
}

enum outcome parameter_set(struct tree *tree, struct tree *base, const char *name, const char *value)
{
	struct node *overrides = node_child(tree->root, "__overrides__");
	struct property *declared = overrides ? property_find(overrides, name) : NULL;
	struct cursor cursor;

	if (!declared)
		return UNKNOWN;
	cursor = (struct cursor){ declared->data, declared->data + declared->size };
	while (!at_end(&cursor)) {
		struct node *node;
		uint32_t phandle;
		bool done;

		if (!take_cell(&cursor, &phandle))
			break;
		node = phandle ? node_by_phandle(tree->root, phandle) : NULL;
		if (phandle && !node && base)
			node = node_by_phandle(base->root, phandle);
		done = !phandle ? switch_fragments(&cursor, tree, value) : node && change(&cursor, node, value);
		if (!done) {
			fprintf(stderr, "parameter %s does not take '%s'\n", name, value);
			return FAILED;
		}
	}
	return DONE;
}
