#include "overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The two spellings of a phandle; the second is history, and still written by some compilers. */
static const char *const PHANDLES[] = { "phandle", "linux,phandle" };

static bool is_phandle(const char *name)
{
	return !strcmp(name, PHANDLES[0]) || !strcmp(name, PHANDLES[1]);
}

static void shift_phandles(struct node *node, uint32_t by)
{
	for (struct property *each = node->properties; each; each = each->next)
		if (is_phandle(each->name) && each->size == 4)
			put_cell(each->data, get_cell(each->data) + by);
	for (struct node *child = node->children; child; child = child->next)
		shift_phandles(child, by);
}

/* __local_fixups__ mirrors the overlay's nodes: each property lists the offsets of own phandles in its namesake. */
static bool shift_references(struct overlay *overlay, struct node *fixups, struct node *node, uint32_t by)
{
	for (struct property *each = fixups->properties; each; each = each->next) {
		struct property *property = property_find(node, each->name);

		for (size_t i = 0; i + 4 <= each->size; i += 4) {
			size_t at = get_cell(each->data + i);

			if (!property || property->size < 4 || at > property->size - 4)
				return false;
			put_cell(property->data + at, get_cell(property->data + at) + by);
			overlay->references = realloc(overlay->references, (overlay->reference_count + 1) * sizeof(struct reference));
			if (!overlay->references)
				die("out of memory");
			overlay->references[overlay->reference_count++] = (struct reference){ property, at };
		}
	}
	for (struct node *child = fixups->children; child; child = child->next) {
		struct node *twin = node_child(node, child->name);

		if (!twin || !shift_references(overlay, child, twin, by))
			return false;
	}
	return true;
}

static struct node *labelled(struct tree *base, const char *label)
{
	struct node *labels = node_child(base->root, "__symbols__");
	const char *path;

	/* A tree that was compiled without labels still has aliases. */
	if (!labels)
		labels = node_child(base->root, "aliases");
	path = labels ? property_text(labels, label) : NULL;
	return path && *path == '/' ? tree_find(base, path) : NULL;
}

/* One place of __fixups__: "/fragment@0:target:0". */
static bool fix_place(struct overlay *overlay, const char *place, uint32_t phandle)
{
	size_t path = strcspn(place, ":");
	size_t name = place[path] ? strcspn(place + path + 1, ":") : 0;
	struct node *node;
	struct property *property;
	unsigned long at;

	if (!place[path] || !place[path + 1 + name])
		return false;
	node = tree_find(overlay->tree, text_of("%.*s", (int)path, place));
	if (!node)
		return false;
	property = property_find(node, text_of("%.*s", (int)name, place + path + 1));
	at = strtoul(place + path + 1 + name + 1, NULL, 10);
	if (!property || property->size < 4 || at > property->size - 4)
		return false;
	put_cell(property->data + at, phandle);
	return true;
}

static bool fix_label(struct tree *base, struct overlay *overlay, const struct property *places)
{
	struct node *node = labelled(base, places->name);
	uint32_t phandle;

	if (!node) {
		fprintf(stderr, "overlay %s needs '%s', which this device tree lacks\n", overlay->name, places->name);
		return false;
	}
	phandle = node_phandle(node);
	if (!phandle) {
		uint32_t ours = highest_phandle(base->root), theirs = highest_phandle(overlay->tree->root);
		unsigned char cell[4];

		phandle = (ours > theirs ? ours : theirs) + 1;
		put_cell(cell, phandle);
		property_set(node, PHANDLES[0], cell, sizeof(cell));
	}
	if (!places->size || places->data[places->size - 1])
		return false;
	for (size_t at = 0; at < places->size; at += strlen((char *)places->data + at) + 1)
		if (!fix_place(overlay, (char *)places->data + at, phandle)) {
			fprintf(stderr, "overlay %s is broken\n", overlay->name);
			return false;
		}
	return true;
}

struct overlay *overlay_open(struct tree *base, const unsigned char *bytes, size_t size, const char *name)
{
	struct overlay *overlay = allocate(sizeof(*overlay));
	uint32_t highest = highest_phandle(base->root);
	struct node *fixups;

	overlay->name = name;
	overlay->tree = tree_read(bytes, size, name);
	if (!overlay->tree)
		return NULL;
	shift_phandles(overlay->tree->root, highest);
	fixups = node_child(overlay->tree->root, "__local_fixups__");
	if (fixups && !shift_references(overlay, fixups, overlay->tree->root, highest)) {
		fprintf(stderr, "overlay %s is broken\n", name);
		return NULL;
	}
	fixups = node_child(overlay->tree->root, "__fixups__");
	for (struct property *each = fixups ? fixups->properties : NULL; each; each = each->next)
		if (!fix_label(base, overlay, each))
			return NULL;
	return overlay;
}

static void replace_references(struct overlay *overlay, uint32_t from, uint32_t to)
{
	for (size_t i = 0; i < overlay->reference_count; i++) {
		struct reference *each = &overlay->references[i];

		/* A parameter may have made the property shorter. */
		if (each->property->size >= 4 && each->at <= each->property->size - 4 &&
		    get_cell(each->property->data + each->at) == from)
			put_cell(each->property->data + each->at, to);
	}
}

static struct node *exact_child(struct node *node, const char *name)
{
	for (struct node *child = node->children; child; child = child->next)
		if (!strcmp(child->name, name))
			return child;
	return NULL;
}

/* Where both have a phandle the target's stays, since others know it: the overlay's own references follow. */
static void settle_phandles(struct overlay *overlay, struct node *target, struct node *body)
{
	uint32_t ours = node_phandle(body), theirs = node_phandle(target);

	if (ours && theirs)
		replace_references(overlay, ours, theirs);
	for (struct node *child = body->children; child; child = child->next) {
		struct node *twin = exact_child(target, child->name);

		if (twin)
			settle_phandles(overlay, twin, child);
	}
}

/* bootargs are words for the kernel: an overlay adds to them. */
static void append_words(struct node *node, const struct property *words)
{
	const char *before = property_text(node, words->name);

	if (before && *before)
		property_set_text(node, words->name, text_of("%s %s", before, (char *)words->data));
	else
		property_set(node, words->name, words->data, words->size);
}

static void merge_node(struct node *target, const struct node *body)
{
	bool has_phandle = node_phandle(target) != 0;

	for (const struct property *each = body->properties; each; each = each->next) {
		if (is_phandle(each->name) && has_phandle)
			continue;
		if (!strcmp(each->name, "bootargs") && property_text(body, each->name))
			append_words(target, each);
		else
			property_set(target, each->name, each->data, each->size);
	}
	for (const struct node *child = body->children; child; child = child->next)
		merge_node(node_add(target, child->name), child);
}

/* Sets `is_own` when the fragment changes the overlay itself: what it makes is then part of another fragment. */
static struct node *fragment_target(struct tree *base, struct overlay *overlay, struct node *fragment, bool *is_own)
{
	const char *path = property_text(fragment, "target-path");
	uint32_t phandle = property_cell(fragment, "target", 0);
	struct node *own = node_by_phandle(overlay->tree->root, phandle);

	*is_own = own != NULL;
	if (own)
		return own;
	return phandle ? node_by_phandle(base->root, phandle) : path ? tree_find(base, path) : NULL;
}

/* Labels that the overlay gives to later ones: "/fragment@0/__overlay__/bus" becomes a path of the base. */
static void export_labels(struct tree *base, struct overlay *overlay)
{
	struct node *exports = node_child(overlay->tree->root, "__exports__");
	struct node *symbols = node_child(overlay->tree->root, "__symbols__");

	for (struct property *each = exports && symbols ? exports->properties : NULL; each; each = each->next) {
		const char *path = property_text(symbols, each->name);
		const char *body = path ? strstr(path, "/__overlay__") : NULL;
		struct node *fragment, *target;
		bool is_own;

		if (!body)
			continue;
		fragment = tree_find(overlay->tree, text_of("%.*s", (int)(body - path), path));
		target = fragment ? fragment_target(base, overlay, fragment, &is_own) : NULL;
		if (target && !is_own)
			property_set_text(node_add(base->root, "__symbols__"), each->name,
					  text_of("%s%s", target->parent ? node_path(target) : "", body + strlen("/__overlay__")));
	}
}

bool overlay_merge(struct tree *base, struct overlay *overlay)
{
	bool is_own;

	for (struct node *each = overlay->tree->root->children; each; each = each->next)
		if (exact_child(each, "__overlay__") && !fragment_target(base, overlay, each, &is_own)) {
			fprintf(stderr, "overlay %s changes something that this device tree lacks\n", overlay->name);
			return false;
		}
	for (int own_first = 1; own_first >= 0; own_first--)
		for (struct node *each = overlay->tree->root->children; each; each = each->next) {
			struct node *body = exact_child(each, "__overlay__");
			struct node *target = body ? fragment_target(base, overlay, each, &is_own) : NULL;

			if (!target || is_own != own_first)
				continue;
			settle_phandles(overlay, target, body);
			merge_node(target, body);
		}
	export_labels(base, overlay);
	return true;
}
