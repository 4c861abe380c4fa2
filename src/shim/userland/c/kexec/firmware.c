#include "firmware.h"

#include <stdlib.h>
#include <string.h>

/* Written by us for each kernel, or meant for the running one alone. */
static const char *const CHOSEN_OURS[] = {
	"bootargs", "linux,initrd-start", "linux,initrd-end", "kaslr-seed", "rng-seed", "stdout-path",
	"linux,stdout-path", "phandle", "linux,phandle",
};

/* Device nodes that the firmware completes, by alias, with what it puts there. The length tells whether it fits. */
static const struct {
	const char *alias, *property;
} PATCHED[] = {
	{ "ethernet0", "local-mac-address" },
	{ "ethernet0", "mac-address" },
	{ "ethernet", "local-mac-address" },
	{ "wifi0", "local-mac-address" },
	{ "bluetooth", "local-bd-address" },
	/* Which memory a device can reach differs between steppings and memory sizes of a board. */
	{ "emmc2bus", "dma-ranges" },
	{ "pcie0", "dma-ranges" },
};

/* Point at other nodes by phandle, which is another number in the other tree. */
static const char *const REFERENCES[] = {
	"clocks", "power-domains", "memory-region", "display", "phandle", "linux,phandle",
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool is_among(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, list[i]))
			return true;
	return false;
}

/* Ranges of memory: address and size, each of as many cells as the parent says. */
struct widths {
	uint32_t address, size;
};

static struct widths widths_below(const struct node *parent)
{
	struct widths widths = { property_cell(parent, "#address-cells", 2), property_cell(parent, "#size-cells", 1) };

	return widths;
}

static bool is_usable(struct widths widths)
{
	return widths.address >= 1 && widths.address <= 2 && widths.size >= 1 && widths.size <= 2;
}

static uint64_t get_number(const unsigned char *at, uint32_t cells)
{
	return cells == 2 ? (uint64_t)get_cell(at) << 32 | get_cell(at + 4) : get_cell(at);
}

static void put_number(unsigned char *at, uint32_t cells, uint64_t number)
{
	if (cells == 2) {
		put_cell(at, number >> 32);
		at += 4;
	}
	put_cell(at, number);
}

/* The most that one entry with a size of one cell says, and still begins the next one at a whole gigabyte. */
#define SIZE_MAX_ONE_CELL 0xc0000000u

/* Rewrites `reg` in the other tree's widths; a size that one cell does not hold becomes several entries. */
static bool copy_ranges(struct node *to, struct widths wide, const struct property *ranges, struct widths narrow)
{
	size_t step = 4 * (narrow.address + narrow.size), out = 4 * (wide.address + wide.size), entries = 0;
	unsigned char *bytes = NULL;

	if (!is_usable(wide) || !is_usable(narrow))
		return false;
	for (size_t at = 0; at + step <= ranges->size; at += step) {
		uint64_t address = get_number(ranges->data + at, narrow.address);
		uint64_t size = get_number(ranges->data + at + 4 * narrow.address, narrow.size);

		while (size) {
			uint64_t part = wide.size == 1 && size > UINT32_MAX ? SIZE_MAX_ONE_CELL : size;

			if (wide.address == 1 && address > UINT32_MAX)
				break;
			bytes = realloc(bytes, (entries + 1) * out);
			if (!bytes)
				die("out of memory");
			put_number(bytes + entries * out, wide.address, address);
			put_number(bytes + entries * out + 4 * wide.address, wide.size, part);
			entries++;
			address += part;
			size -= part;
		}
	}
	if (entries)
		property_set(to, "reg", bytes, entries * out);
	return entries > 0;
}

static struct node *memory_of(const struct tree *tree)
{
	for (struct node *child = tree->root->children; child; child = child->next) {
		const char *type = property_text(child, "device_type");

		if (type && !strcmp(type, "memory"))
			return child;
	}
	return NULL;
}

static void carry_memory(struct tree *target, const struct tree *running)
{
	struct node *from = memory_of(running), *to = memory_of(target);
	const struct property *ranges = from ? property_find(from, "reg") : NULL;

	if (!ranges)
		return;
	if (!to) {
		to = node_add(target->root, from->name);
		property_set_text(to, "device_type", "memory");
	}
	if (!copy_ranges(to, widths_below(target->root), ranges, widths_below(running->root)))
		die("the running device tree's memory cannot be written in the image's tree");
}

static void copy_properties(struct node *to, const struct node *from, const char *const *without, size_t count)
{
	for (const struct property *each = from->properties; each; each = each->next)
		if (!is_among(each->name, without, count))
			property_set(to, each->name, each->data, each->size);
}

static void copy_node(struct node *to, const struct node *from)
{
	copy_properties(to, from, REFERENCES, COUNT(REFERENCES));
	for (const struct node *child = from->children; child; child = child->next)
		copy_node(node_add(to, child->name), child);
}

/* The boot loader's own facts, and the frame buffer that it set up (a simple-framebuffer lies below /chosen). */
static void carry_chosen(struct tree *target, const struct tree *running)
{
	struct node *from = node_child(running->root, "chosen"), *to = node_add(target->root, "chosen");

	if (!from)
		return;
	copy_properties(to, from, CHOSEN_OURS, COUNT(CHOSEN_OURS));
	for (const struct node *child = from->children; child; child = child->next)
		copy_node(node_add(to, child->name), child);
}

/* Memory that is in use already: the boot loader's configuration, TF-A. What has only a size is up to the kernel. */
static void carry_reserved_memory(struct tree *target, const struct tree *running)
{
	struct node *from = node_child(running->root, "reserved-memory"), *to;

	if (!from)
		return;
	to = node_add(target->root, "reserved-memory");
	if (!property_find(to, "ranges"))
		copy_properties(to, from, NULL, 0);
	for (const struct node *child = from->children; child; child = child->next) {
		const struct property *ranges = property_find(child, "reg");
		const char *status = property_text(child, "status");
		struct node *twin = NULL;

		if (!ranges)
			continue;
		for (struct node *each = to->children; each && !twin; each = each->next)
			if (!strcmp(each->name, child->name))
				twin = each;
		if (!twin) {
			twin = node_add(to, child->name);
			copy_node(twin, child);
		}
		copy_ranges(twin, widths_below(to), ranges, widths_below(from));
		if (status)
			property_set_text(twin, "status", status);
	}
}

static void carry_devices(struct tree *target, const struct tree *running)
{
	for (size_t i = 0; i < COUNT(PATCHED); i++) {
		struct node *from = tree_find(running, PATCHED[i].alias), *to = tree_find(target, PATCHED[i].alias);
		const struct property *theirs = from ? property_find(from, PATCHED[i].property) : NULL;
		const struct property *ours = to ? property_find(to, PATCHED[i].property) : NULL;

		if (!theirs || !to)
			continue;
		if (!ours || ours->size == theirs->size)
			property_set(to, theirs->name, theirs->data, theirs->size);
	}
}

void firmware_carry_over(struct tree *target, const struct tree *running)
{
	static const char *const ROOT[] = { "model", "serial-number" };
	struct node *system = node_child(running->root, "system");

	for (size_t i = 0; i < COUNT(ROOT); i++) {
		const struct property *each = property_find(running->root, ROOT[i]);

		if (each)
			property_set(target->root, each->name, each->data, each->size);
	}
	if (system)
		copy_node(node_add(target->root, "system"), system);
	for (size_t i = 0; i < running->reserved_count; i++)
		tree_reserve(target, running->reserved[i].address, running->reserved[i].size);
	carry_memory(target, running);
	carry_chosen(target, running);
	carry_reserved_memory(target, running);
	carry_devices(target, running);
}
