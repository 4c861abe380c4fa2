/*
 * kexec-tree list TREE: prints what each device of a tree is compatible with, a line each.
 * kexec-tree make OUTPUT: makes the device tree of the next kernel. Standard input says how, a line each, in this order:
 *
 *   base FILE          the tree to begin with: the image's own
 *   running FILE       in its place: the running tree, without the running kernel's command line
 *   firmware FILE      the running tree: what the firmware wrote into it is carried over
 *   map FILE           overlay_map.dtb, which names another overlay for some boards
 *   overlays PREFIX    what stands before an overlay's name
 *   param NAME[=VALUE] as dtparam=: for the overlay before it, or else for the base
 *   overlay NAME[,NAME=VALUE...]   as dtoverlay=; without a name it ends the overlay before it
 *   uart               the serial port of the header is switched on
 *   bootargs TEXT      the kernel's command line; console=serial0 becomes the board's own
 *
 * An overlay or a parameter that cannot be applied is skipped with a message on standard error, as the firmware does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firmware.h"
#include "overlay.h"

/* What arm64 kernels take (COMMAND_LINE_SIZE), with the NUL. */
enum { BOOTARGS_MAX_BYTES = 2048 };

struct making {
	struct tree *tree;
	struct tree *map;
	const char *overlays;
	struct overlay *open;
	/* Of Raspberry Pi's own kernel: only those declare parameters. */
	bool is_downstream;
};

static struct tree *read_tree(const char *path)
{
	size_t size;
	unsigned char *bytes = read_file(path, &size);

	return bytes ? tree_read(bytes, size, path) : NULL;
}

/* The platform's name in overlay_map.dtb. */
static const char *platform(const struct tree *tree)
{
	if (node_is_compatible(tree->root, "brcm,bcm2712"))
		return "bcm2712";
	return node_is_compatible(tree->root, "brcm,bcm2711") ? "bcm2711" : "bcm2835";
}

/* The file's name of an overlay on this board; NULL, with a message, when it has none. */
static const char *mapped(const struct making *making, const char *name)
{
	struct node *row = making->map ? node_child(making->map->root, name) : NULL;
	const struct property *here = row ? property_find(row, platform(making->tree)) : NULL;
	const char *renamed = row ? property_text(row, "renamed") : NULL;
	const char *deprecated = row ? property_text(row, "deprecated") : NULL;

	if (here)
		return here->size > 1 ? (const char *)here->data : name;
	/* The new name may have a row of its own. */
	if (renamed && strcmp(renamed, name))
		return mapped(making, renamed);
	if (deprecated)
		fprintf(stderr, "overlay %s is deprecated: %s\n", name, deprecated);
	else if (row)
		fprintf(stderr, "overlay %s is not for this board\n", name);
	return row ? NULL : name;
}

static void end_overlay(struct making *making)
{
	if (making->open)
		overlay_merge(making->tree, making->open);
	making->open = NULL;
}

/* "name=value": without a value it is "true". */
static void set_parameter(struct making *making, char *word)
{
	char *value = strchr(word, '=');
	enum outcome outcome = UNKNOWN;

	if (value)
		*value++ = '\0';
	else
		value = "true";
	if (making->open)
		outcome = parameter_set(making->open->tree, making->tree, word, value);
	if (outcome == UNKNOWN)
		outcome = parameter_set(making->tree, NULL, word, value);
	if (outcome == UNKNOWN)
		fprintf(stderr, "parameter %s is unknown%s%s\n", word, making->open ? " to overlay " : "",
			making->open ? making->open->name : "");
}

static void set_parameters(struct making *making, char *words)
{
	for (char *word; (word = strsep(&words, ","));)
		if (*word)
			set_parameter(making, word);
}

static void begin_overlay(struct making *making, char *words)
{
	/* Old files write dtoverlay=name:parameter=value. */
	size_t length = strcspn(words, ",:");
	char *parameters = words[length] ? words + length + 1 : NULL;
	const char *name, *path;
	unsigned char *bytes;
	size_t size;

	end_overlay(making);
	words[length] = '\0';
	if (!*words)
		return;
	name = mapped(making, words);
	if (!name)
		return;
	path = text_of("%s%s.dtbo", making->overlays, name);
	bytes = read_file(path, &size);
	if (!bytes) {
		fprintf(stderr, "overlay %s is missing\n", name);
		return;
	}
	making->open = overlay_open(making->tree, bytes, size, name);
	if (making->open && parameters)
		set_parameters(making, parameters);
}

/* The alias of the header's serial port: mainline trees tell it by stdout-path. */
static const char *serial_alias(const struct making *making)
{
	struct node *chosen = node_child(making->tree->root, "chosen");
	const char *path = chosen ? property_text(chosen, "stdout-path") : NULL;

	if (making->is_downstream || !path || strncmp(path, "serial", strlen("serial")))
		return "serial0";
	return text_of("%.*s", (int)strcspn(path, ":"), path);
}

static void switch_uart_on(struct making *making)
{
	struct node *port;

	end_overlay(making);
	port = tree_find(making->tree, serial_alias(making));
	if (port && property_find(port, "status"))
		property_set_text(port, "status", "okay");
}

static bool is_on(const struct node *node)
{
	const char *status = property_text(node, "status");

	return !status || !strcmp(status, "okay") || !strcmp(status, "ok");
}

/* Linux's name of the serial port on the header (Pi 5: of the debug connector, unless the header's is on). */
static const char *serial_console(const struct making *making)
{
	const char *alias = serial_alias(making);
	struct node *port = tree_find(making->tree, alias);

	if (port && node_is_compatible(port, "brcm,bcm2835-aux-uart"))
		return text_of("ttyS%s", alias + strlen("serial"));
	if (node_is_compatible(making->tree->root, "brcm,bcm2712") && (!port || !is_on(port)))
		return "ttyAMA10";
	return "ttyAMA0";
}

static void set_bootargs(struct making *making, const char *words)
{
	static const char SERIAL[] = "console=serial0";
	struct node *chosen = node_add(making->tree->root, "chosen");
	const char *before, *at;

	end_overlay(making);
	while ((at = strstr(words, SERIAL)))
		words = text_of("%.*sconsole=%s%s", (int)(at - words), words, serial_console(making), at + strlen(SERIAL));
	/* Raspberry Pi's trees bring words of their own, and overlays add to them. */
	before = property_text(chosen, "bootargs");
	if (before && *before)
		words = text_of("%s %s", before, words);
	if (strlen(words) >= BOOTARGS_MAX_BYTES)
		die("the command line has %zu letters, and a kernel takes %d", strlen(words), BOOTARGS_MAX_BYTES - 1);
	property_set_text(chosen, "bootargs", words);
}

static void begin_tree(struct making *making, const char *path)
{
	making->tree = read_tree(path);
	if (!making->tree)
		die("%s cannot be used", path);
	making->is_downstream = node_child(making->tree->root, "__overrides__") != NULL;
}

static void follow(struct making *making, char *line)
{
	char *rest = strchr(line, ' ');
	struct tree *running;

	if (rest)
		*rest++ = '\0';
	else
		rest = line + strlen(line);
	if (!strcmp(line, "base"))
		begin_tree(making, rest);
	else if (!strcmp(line, "running")) {
		begin_tree(making, rest);
		property_remove(node_add(making->tree->root, "chosen"), "bootargs");
	} else if (!making->tree)
		die("the first line must name the base tree");
	else if (!strcmp(line, "firmware")) {
		running = read_tree(rest);
		if (!running)
			die("%s cannot be used", rest);
		firmware_carry_over(making->tree, running);
	} else if (!strcmp(line, "map"))
		making->map = read_tree(rest);
	else if (!strcmp(line, "overlays"))
		making->overlays = text_of("%s", rest);
	else if (!strcmp(line, "param"))
		set_parameters(making, rest);
	else if (!strcmp(line, "overlay"))
		begin_overlay(making, rest);
	else if (!strcmp(line, "uart"))
		switch_uart_on(making);
	else if (!strcmp(line, "bootargs"))
		set_bootargs(making, rest);
	else
		die("unknown line: %s", line);
}

static void make(const char *path)
{
	struct making making = { .overlays = "" };
	char *line = NULL;
	size_t room = 0, size;
	ssize_t length;
	unsigned char *bytes;
	FILE *output;

	while ((length = getline(&line, &room, stdin)) >= 0) {
		if (length && line[length - 1] == '\n')
			line[length - 1] = '\0';
		if (*line)
			follow(&making, line);
	}
	if (!making.tree)
		die("no base tree was named");
	end_overlay(&making);
	bytes = tree_flatten(making.tree, &size);
	output = fopen(path, "wb");
	if (!output || fwrite(bytes, size, 1, output) != 1 || fclose(output))
		die("%s cannot be written", path);
}

static void list(const struct node *node)
{
	const struct property *names = property_find(node, "compatible");

	if (names && names->size && !names->data[names->size - 1])
		for (size_t at = 0; at < names->size; at += strlen((char *)names->data + at) + 1)
			puts((char *)names->data + at);
	for (const struct node *child = node->children; child; child = child->next)
		list(child);
}

int main(int argc, char **argv)
{
	struct tree *tree;

	if (argc == 3 && !strcmp(argv[1], "make")) {
		make(argv[2]);
	} else if (argc == 3 && !strcmp(argv[1], "list")) {
		tree = read_tree(argv[2]);
		if (!tree)
			die("%s cannot be used", argv[2]);
		list(tree->root);
	} else {
		die("kexec-tree list TREE | make OUTPUT < LINES");
	}
	return 0;
}
