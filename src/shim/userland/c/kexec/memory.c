#include "memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct range **list, size_t *count, uint64_t start, uint64_t end)
{
	*list = realloc(*list, (*count + 1) * sizeof(**list));
	if (!*list)
		die("out of memory");
	(*list)[(*count)++] = (struct range){ start, end };
}

bool memory_read(struct memory *memory, const char *iomem)
{
	FILE *file = fopen(iomem, "r");
	char *line = NULL;
	size_t room = 0;

	if (!file)
		return false;
	while (getline(&line, &room, file) >= 0) {
		uint64_t first, last;
		int name = 0;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " : %n", &first, &last, &name) < 2 || !name)
			continue;
		/* The running kernel's own code and data lie inside and may be overwritten; "reserved" may not. */
		if (!strcmp(line + name, "System RAM\n"))
			add(&memory->ram, &memory->ram_count, first, last + 1);
		else if (!strcmp(line + name, "reserved\n"))
			add(&memory->taken, &memory->taken_count, first, last + 1);
	}
	fclose(file);
	return memory->ram_count > 0;
}

void memory_take(struct memory *memory, uint64_t start, uint64_t size)
{
	if (size)
		add(&memory->taken, &memory->taken_count, start, start + size);
}

static uint64_t take_number(const unsigned char **at, uint32_t cells)
{
	uint64_t number = 0;

	for (; cells; cells--, *at += 4)
		number = number << 32 | get_cell(*at);
	return number;
}

void memory_avoid_tree(struct memory *memory, const struct tree *tree)
{
	struct node *list = node_child(tree->root, "reserved-memory");
	uint32_t address_cells = list ? property_cell(list, "#address-cells", 2) : 0;
	uint32_t size_cells = list ? property_cell(list, "#size-cells", 1) : 0;

	for (size_t i = 0; i < tree->reserved_count; i++)
		memory_take(memory, tree->reserved[i].address, tree->reserved[i].size);
	if (!list || address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2)
		return;
	for (const struct node *child = list->children; child; child = child->next) {
		const struct property *ranges = property_find(child, "reg");
		const unsigned char *at = ranges ? ranges->data : NULL;

		while (ranges && (size_t)(ranges->data + ranges->size - at) >= 4 * (address_cells + size_cells)) {
			uint64_t start = take_number(&at, address_cells);

			memory_take(memory, start, take_number(&at, size_cells));
		}
	}
}

/* The first address behind whatever is taken between start and end, or `start` when nothing is. */
static uint64_t behind_taken(const struct memory *memory, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < memory->taken_count; i++)
		if (memory->taken[i].start < end && memory->taken[i].end > start)
			return memory->taken[i].end;
	return start;
}

bool memory_find(struct memory *memory, uint64_t size, uint64_t alignment, uint64_t least, uint64_t *found)
{
	bool any = false;

	for (size_t i = 0; i < memory->ram_count; i++) {
		uint64_t start = memory->ram[i].start > least ? memory->ram[i].start : least, behind;

		for (;; start = behind) {
			start = (start + alignment - 1) / alignment * alignment;
			if (start >= memory->ram[i].end || memory->ram[i].end - start < size)
				break;
			behind = behind_taken(memory, start, start + size);
			if (behind != start)
				continue;
			if (!any || start < *found)
				*found = start;
			any = true;
			break;
		}
	}
	if (any)
		memory_take(memory, *found, size);
	return any;
}
